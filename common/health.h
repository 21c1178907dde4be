/*
 * common/health.h -- /healthz, /readyz and /metrics of a program that has no HTTP server of its
 * own (the worker).
 */
#pragma once
#include "base/err.h"

struct fb_health;
/** Serve on `listen` ("host:port", port 0 takes a free one). `ready` is asked per request: NULL
 * when ready, else a literal reason; `alive` likewise. @fails USAGE: the address cannot be
 * taken */
struct fb_err fb_health_open(const char *listen, const char *(*ready)(void *),
                             const char *(*alive)(void *), void *arg, struct fb_health **out);
/** The port that was taken. */
int fb_health_port(const struct fb_health *health);
void fb_health_close(struct fb_health *health);
