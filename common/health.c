/* common/health.c -- the three pages that machines look at, and the small server
 * that serves them. */
#include "health.h"

#include "log.h"
#include "metrics.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HOST_MAX = 256,
    BACKLOG = 1024,
    PAGE_MAX = 4 << 20, // of /metrics: far above all slots of all metrics that are in use
    IDLE_SECONDS = 10,
    CONNECTIONS_MAX = 64
};

struct fb_health {
    struct MHD_Daemon *daemon;
    struct fb_probes probes;
    int port;
};

/* Split "host:port" at its last colon; brackets of an IPv6 address are taken off. */
static bool split_address(const char *where, char host[HOST_MAX], const char **port)
{
    const char *colon = strrchr(where, ':');
    size_t n = colon != NULL ? (size_t)(colon - where) : 0;
    if (colon == NULL || n >= HOST_MAX || colon[1] == 0)
        return false;
    bool brackets = n >= 2 && where[0] == '[' && where[n - 1] == ']';
    memcpy(host, where + brackets, n - 2 * (size_t)brackets);
    host[n - 2 * (size_t)brackets] = 0;
    *port = colon + 1;
    return true;
}

static int bind_one(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    char port[NI_MAXSERV];
    if (getsockname(fd, (struct sockaddr *)&at, &n) != 0 ||
        getnameinfo((struct sockaddr *)&at, n, NULL, 0, port, sizeof port, NI_NUMERICSERV) != 0)
        return 0;
    return (int)strtol(port, NULL, 10);
}

struct fb_err fb_listen(const char *where, int *fd, int *port)
{
    char host[HOST_MAX];
    const char *service, *why = "not of the form host:port";
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    int got = -1;
    if (split_address(where, host, &service)) {
        int failed = getaddrinfo(host[0] != 0 ? host : NULL, service, &hints, &list);
        why = failed != 0 ? gai_strerror(failed) : "";
    }
    for (const struct addrinfo *a = list; a != NULL && got < 0; a = a->ai_next)
        if ((got = bind_one(a)) < 0)
            why = strerrordesc_np(errno);
    if (list != NULL)
        freeaddrinfo(list);
    if (got < 0) {
        fb_log(FB_LOG_ERROR, "listen", "address", where, "error", why, NULL);
        return FB_FAIL(USAGE, "the address to listen on cannot be taken", 0);
    }
    *fd = got;
    *port = port_of(got);
    return FB_NO_ERR;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              const char *type, void *body, size_t n)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(n, body, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result done = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return done;
}

static enum MHD_Result answer_probe(struct MHD_Connection *connection, const char *why,
                                    unsigned *status)
{
    char line[256];
    *status = why == NULL ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    int n = snprintf(line, sizeof line, "%s\n", why != NULL ? why : "ok");
    return answer(connection, *status, "text/plain", line, (size_t)n);
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection, unsigned *status)
{
    char *room = malloc(PAGE_MAX);
    if (room == NULL)
        return MHD_NO;
    struct fb_text page = fb_text_over(room, PAGE_MAX);
    fb_metrics_print(&page);
    *status = MHD_HTTP_OK;
    enum MHD_Result done =
        answer(connection, *status, "text/plain; version=0.0.4; charset=utf-8", page.p, page.n);
    free(room);
    return done;
}

enum MHD_Result fb_health_answer(struct MHD_Connection *connection, const char *method,
                                 const char *url, const struct fb_probes *probes,
                                 unsigned *status)
{
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return MHD_NO;
    if (strcmp(url, "/healthz") == 0)
        return answer_probe(connection, probes->alive(probes->arg), status);
    if (strcmp(url, "/readyz") == 0)
        return answer_probe(connection, probes->ready(probes->arg), status);
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(connection, status);
    return MHD_NO;
}

static enum MHD_Result serve(void *cls, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *n, void **state)
{
    const struct fb_health *health = cls;
    static char nothing[] = "not found\n";
    unsigned status;
    (void)version, (void)data, (void)state;
    if (*n != 0) { // nobody sends us bodies
        *n = 0;
        return MHD_YES;
    }
    if (fb_health_answer(connection, method, url, &health->probes, &status) == MHD_YES)
        return MHD_YES;
    return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain", nothing, sizeof nothing - 1);
}

struct fb_err fb_health_open(const char *listen, const char *(*ready)(void *),
                             const char *(*alive)(void *), void *arg, struct fb_health **out)
{
    int fd, port;
    struct fb_err err = fb_listen(listen, &fd, &port);
    if (fb_failed(err))
        return err;
    struct fb_health *health = calloc(1, sizeof *health);
    if (health == NULL)
        goto close_socket;
    *health = (struct fb_health){
        .probes = {ready, alive, arg},
          .port = port
    };
    health->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, serve, health, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_END);
    if (health->daemon == NULL)
        goto free_health;
    *out = health;
    return FB_NO_ERR;

free_health:
    free(health);
close_socket:
    close(fd);
    return FB_FAIL(USAGE, "the health pages cannot be served", 0);
}

int fb_health_port(const struct fb_health *health) { return health->port; }

void fb_health_close(struct fb_health *health)
{
    MHD_stop_daemon(health->daemon); // closes the socket as well
    free(health);
}
