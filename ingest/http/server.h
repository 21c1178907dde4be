/*
 * ingest/http/server.h -- the front door: libmicrohttpd's threads, our requests.
 */
#pragma once
#include "config.h"
#include "health.h"
#include "kafka.h"
#include "keys.h"

struct fb_server;

/** Take the address and start to serve. `probes` answer /readyz and /healthz. @fails USAGE: the
 * address cannot be taken (logged) */
struct fb_err fb_server_open(const struct fb_config *config, struct fb_producer *producer,
                             struct fb_keys *keys, struct fb_probes probes,
                             struct fb_server **out);
int fb_server_port(const struct fb_server *server);
/** Accept no connection any more; wait up to `seconds` until every request under way is
 * answered.
 * @return whether they all were */
bool fb_server_quiesce(struct fb_server *server, int seconds);
/** From now on nothing is handed to the producer: when this returns, it may be closed. Requests
 * that still come to their end are answered with 503. */
void fb_server_detach(struct fb_server *server);
/** Stop. The producer must be closed, so that no request waits for it. */
void fb_server_close(struct fb_server *server);
