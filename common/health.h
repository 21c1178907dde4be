/*
 * common/health.h -- /healthz, /readyz and /metrics of a program that has no HTTP server of its
 * own (the worker).
 */
#pragma once
#include "base/err.h"
#include <microhttpd.h>

/** Each is asked per request: NULL when all is well, else a literal reason. */
struct fb_probes {
    const char *(*ready)(void *arg);
    const char *(*alive)(void *arg);
    void *arg;
};

/** Open a listening socket on "host:port"; port 0 takes a free one, which `*port` then tells.
 * @owner  the caller closes `*fd`
 * @fails  USAGE: the address cannot be taken (logged) */
struct fb_err fb_listen(const char *where, int *fd, int *port);

/** Answer `connection` if `url` is one of the three pages. @return MHD_YES: the answer was
 * queued and `*status` is its status; MHD_NO: not one of ours, or no memory */
enum MHD_Result fb_health_answer(struct MHD_Connection *connection, const char *method,
                                 const char *url, const struct fb_probes *probes,
                                 unsigned *status);

struct fb_health;
/** Serve on `listen` ("host:port", port 0 takes a free one). `ready` is asked per request:
 * NULL when ready, else a literal reason; `alive` likewise. @fails USAGE: the address
 * cannot be taken */
struct fb_err fb_health_open(const char *listen, const char *(*ready)(void *),
                             const char *(*alive)(void *), void *arg, struct fb_health **out);
/** The port that was taken. */
int fb_health_port(const struct fb_health *health);
void fb_health_close(struct fb_health *health);
