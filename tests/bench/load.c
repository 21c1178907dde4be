/*
 * tests/bench/load.c -- sends dumps to an ingest node over HTTP, each many times, each time as
 * another dump.
 *
 * A dump's checksum and time (offsets 16 and 20 of its header) are replaced by a number of its
 * own, so that no two have the same SHA-256 and none is a duplicate; nothing that an analysis
 * judges by is touched. One thread per connection, blocking, kept alive. Which dump, version
 * and machine goes with which number is a function of the number alone: two runs send the same.
 *
 * The last line on standard output: acknowledged N refused N seconds S p50_ms T p99_ms T
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    CHECKSUM_AT = 16,
    TIME_AT = 20,
    HEADER_SIZE = 32,
    CONNECTIONS_MAX = 1024,
    TIMEOUT_SECONDS = 60,
    RETRY_MS = 100,
    RETRIES_MAX = 1800,
    HOUR = 3600
};

struct dump {
    uint8_t *bytes;
    size_t n;
    double weight_up_to; // of this dump and all before it
};

struct load {
    const char *host, *port, *key, *product, *platform, *ids_path;
    uint64_t count, first, versions, machines, connections;
    double rate;
    bool skew, retry;
    struct dump *dumps;
    size_t n_dumps;
    struct addrinfo *address;
    struct timespec began;
    FILE *ids;
    float *waited; // seconds, by number; of what was acknowledged
    atomic_uint_fast64_t next, acknowledged, refused;
};

struct reply {
    char text[2048];
    size_t n;
};

struct connection {
    struct load *load;
    int fd; // -1: not connected
};

/* --- time and chance ---------------------------------------------------------------------- */

static double seconds_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static void sleep_seconds(double seconds)
{
    if (seconds <= 0)
        return;
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
}

/* Numbers that look like chance and are the same each time (the finalizer of SplitMix64). */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* --- dumps -------------------------------------------------------------------------------- */

static void give_up(const char *thing, const char *reason, const char *next_step)
{
    fprintf(stderr, "load: %s: %s; %s\n", thing, reason, next_step);
    exit(2);
}

static struct dump read_dump(const char *path)
{
    struct stat facts;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &facts) != 0)
        give_up(path, strerror(errno), "name a dump that can be read");
    struct dump dump = {.n = (size_t)facts.st_size};
    dump.bytes = malloc(dump.n + 1);
    if (dump.bytes == NULL || fread(dump.bytes, 1, dump.n, file) != dump.n)
        give_up(path, "it cannot be read whole", "name a dump that can be read");
    if (dump.n < HEADER_SIZE || memcmp(dump.bytes, "MDMP", 4) != 0)
        give_up(path, "it is no minidump", "name minidumps");
    fclose(file);
    return dump;
}

/* With --skew a few dumps make most of the load, as in the field; else all the same. */
static void read_dumps(struct load *load, char **paths, size_t n)
{
    double sum = 0;
    load->dumps = calloc(n, sizeof *load->dumps);
    if (load->dumps == NULL)
        give_up("memory", "there is none left", "send fewer dumps");
    for (size_t i = 0; i < n; i++) {
        load->dumps[i] = read_dump(paths[i]);
        sum += 1 / (double)(1 + mix(i) % n);
        load->dumps[i].weight_up_to = sum;
    }
    load->n_dumps = n;
}

static const struct dump *choose(const struct load *load, uint64_t k)
{
    if (!load->skew)
        return &load->dumps[k % load->n_dumps];
    double all = load->dumps[load->n_dumps - 1].weight_up_to;
    double at = (double)(mix(k) >> 11) / (double)(UINT64_C(1) << 53) * all;
    size_t i = 0;
    while (i + 1 < load->n_dumps && load->dumps[i].weight_up_to <= at)
        i++;
    return &load->dumps[i];
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The header of dump number `k`: the time moves within an hour, the checksum counts. */
static void make_header(const struct dump *dump, uint64_t k, uint8_t header[HEADER_SIZE])
{
    memcpy(header, dump->bytes, HEADER_SIZE);
    put_u32(header + CHECKSUM_AT, (uint32_t)k);
    put_u32(header + TIME_AT, get_u32(dump->bytes + TIME_AT) + (uint32_t)(mix(k) % HOUR));
}

/* --- one request -------------------------------------------------------------------------- */

#define BOUNDARY "---MultipartBoundary-q7ZkT2mXw9RbLs4VnYc8HdFjPg3EuAo6---"
static const char tail[] = "\r\n--" BOUNDARY "--\r\n";

struct buffer {
    char text[4096];
    size_t n;
};

static void put(struct buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(b->text + b->n, sizeof b->text - b->n, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof b->text - b->n)
        give_up("a request", "its fields are too long", "give a shorter --product or --key");
    b->n += (size_t)n;
}

static void put_field(struct buffer *b, const char *name, const char *value)
{
    put(b, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", name,
        value);
}

static void make_fields(const struct load *load, uint64_t k, struct buffer *b)
{
    char text[64];
    uint64_t machine = mix(k ^ 0x6d616368) % load->machines;
    snprintf(text, sizeof text, "%08x-0000-4000-8000-%012llx", (unsigned)mix(machine),
             (unsigned long long)machine + 1);
    put_field(b, "guid", text);
    if (load->platform[0] != 0)
        put_field(b, "plat", load->platform);
    put_field(b, "prod", load->product);
    snprintf(text, sizeof text, "4.%llu.0",
             (unsigned long long)(mix(k ^ 0x76657273) % load->versions));
    put_field(b, "ver", text);
    put(b, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"upload_file_minidump\"; "
           "filename=\"dump.dmp\"\r\nContent-Type: application/octet-stream\r\n\r\n");
}

static void make_head(const struct load *load, size_t body_n, struct buffer *b)
{
    put(b,
        "POST /submit HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: faultbucket-load\r\n"
        "Content-Type: multipart/form-data; boundary=" BOUNDARY "\r\nContent-Length: %zu\r\n",
        load->host, load->port, body_n);
    if (load->key[0] != 0)
        put(b, "X-Faultbucket-Key: %s\r\n", load->key);
    put(b, "\r\n");
}

static bool send_all(int fd, struct iovec *v, int n)
{
    while (n > 0) {
        struct msghdr message = {.msg_iov = v, .msg_iovlen = (size_t)n};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        for (; n > 0 && (size_t)sent >= v->iov_len; v++, n--)
            sent -= (ssize_t)v->iov_len;
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + sent;
            v->iov_len -= (size_t)sent;
        }
    }
    return true;
}

static bool send_request(const struct connection *c, uint64_t k)
{
    const struct load *load = c->load;
    const struct dump *dump = choose(load, k);
    struct buffer head = {.n = 0}, fields = {.n = 0};
    uint8_t header[HEADER_SIZE];
    make_header(dump, k, header);
    make_fields(load, k, &fields);
    make_head(load, fields.n + dump->n + sizeof tail - 1, &head);
    char end[sizeof tail];
    memcpy(end, tail, sizeof tail);
    struct iovec v[] = {
        {head.text,                 head.n               },
        {fields.text,               fields.n             },
        {header,                    HEADER_SIZE          },
        {dump->bytes + HEADER_SIZE, dump->n - HEADER_SIZE},
        {end,                       sizeof tail - 1      },
    };
    return send_all(c->fd, v, sizeof v / sizeof *v);
}

/* --- one answer --------------------------------------------------------------------------- */

/* The value of a header, or NULL; `to` is the blank line behind them all. */
static const char *find_header(const char *text, const char *to, const char *name)
{
    const char *found = strcasestr(text, name);
    return found != NULL && found < to ? found + strlen(name) : NULL;
}

static bool receive(int fd, struct reply *reply)
{
    size_t room = sizeof reply->text - 1 - reply->n;
    ssize_t n = room > 0 ? recv(fd, reply->text + reply->n, room, 0) : -1;
    if (n <= 0)
        return false;
    reply->n += (size_t)n;
    reply->text[reply->n] = 0;
    return true;
}

/* Read one answer. Its status, 0 when the connection broke; `*body` lies in `reply`. */
static int read_answer(struct connection *c, struct reply *reply, const char **body)
{
    const char *blank;
    *reply = (struct reply){.n = 0};
    while ((blank = strstr(reply->text, "\r\n\r\n")) == NULL)
        if (!receive(c->fd, reply))
            return 0;
    const char *length = find_header(reply->text, blank, "\r\nContent-Length:");
    size_t end =
        (size_t)(blank + 4 - reply->text) + (length != NULL ? strtoul(length, NULL, 10) : 0);
    while (reply->n < end)
        if (!receive(c->fd, reply))
            return 0;
    *body = blank + 4;
    const char *connection = find_header(reply->text, blank, "\r\nConnection:");
    if (connection != NULL && strncasecmp(connection, " close", strlen(" close")) == 0) {
        close(c->fd);
        c->fd = -1;
    }
    return strncmp(reply->text, "HTTP/1.1 ", 9) == 0 ? (int)strtol(reply->text + 9, NULL, 10)
                                                     : 0;
}

static bool be_connected(struct connection *c)
{
    if (c->fd >= 0)
        return true;
    struct timeval patience = {.tv_sec = TIMEOUT_SECONDS};
    const struct addrinfo *a = c->load->address;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    c->fd = fd;
    return true;
}

/* Send number `k` once. True: the server acknowledged it. */
static bool try_once(struct connection *c, uint64_t k)
{
    struct reply reply;
    const char *id;
    int status = be_connected(c) && send_request(c, k) ? read_answer(c, &reply, &id) : 0;
    if (status == 0 && c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
    if (status == 200 && c->load->ids != NULL)
        fprintf(c->load->ids, "%s\n", id);
    return status == 200;
}

/* --- the run ------------------------------------------------------------------------------ */

static void *run_connection(void *arg)
{
    struct connection c = {.load = arg, .fd = -1};
    struct load *load = arg;
    for (uint64_t i; (i = atomic_fetch_add(&load->next, 1)) < load->count;) {
        if (load->rate > 0)
            sleep_seconds((double)i / load->rate - seconds_since(&load->began));
        double sent_at = seconds_since(&load->began);
        bool done = try_once(&c, load->first + i);
        for (int tries = 0; !done && load->retry && tries < RETRIES_MAX; tries++) {
            sleep_seconds(RETRY_MS / 1e3);
            done = try_once(&c, load->first + i);
        }
        if (done)
            load->waited[atomic_fetch_add(&load->acknowledged, 1)] =
                (float)(seconds_since(&load->began) - sent_at);
        else
            atomic_fetch_add(&load->refused, 1);
    }
    if (c.fd >= 0)
        close(c.fd);
    return NULL;
}

static void show_progress(struct load *load)
{
    const char *end = isatty(STDERR_FILENO) ? "\r" : "\n";
    const uint64_t ticks_per_line = 10;
    for (uint64_t tick = 1;; tick++) {
        uint64_t done = atomic_load(&load->acknowledged), not = atomic_load(&load->refused);
        bool last = done + not >= load->count;
        if (last || tick % ticks_per_line == 0)
            fprintf(stderr, "load: %llu of %llu acknowledged, %llu refused, %.0f/s   %s",
                    (unsigned long long)done, (unsigned long long)load->count,
                    (unsigned long long)not, (double)done / seconds_since(&load->began),
                    last ? "\n" : end);
        if (last)
            return;
        sleep_seconds(0.1);
    }
}

static void forget(struct load *load)
{
    for (size_t i = 0; i < load->n_dumps; i++)
        free(load->dumps[i].bytes);
    free(load->dumps);
    free(load->waited);
    freeaddrinfo(load->address);
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_result(struct load *load)
{
    double seconds = seconds_since(&load->began);
    size_t n = atomic_load(&load->acknowledged);
    qsort(load->waited, n, sizeof *load->waited, by_size);
    printf("acknowledged %zu refused %llu seconds %.3f p50_ms %.1f p99_ms %.1f\n", n,
           (unsigned long long)atomic_load(&load->refused), seconds,
           n > 0 ? 1e3 * (double)load->waited[n / 2] : 0,
           n > 0 ? 1e3 * (double)load->waited[n * 99 / 100] : 0);
}

static void run(struct load *load)
{
    pthread_t threads[CONNECTIONS_MAX] = {0};
    load->waited = calloc(load->count, sizeof *load->waited);
    if (load->waited == NULL)
        give_up("memory", "there is none left", "send fewer dumps");
    clock_gettime(CLOCK_MONOTONIC, &load->began);
    for (uint64_t i = 0; i < load->connections; i++)
        if (pthread_create(&threads[i], NULL, run_connection, load) != 0)
            give_up("threads", "there are not enough", "use fewer --connections");
    show_progress(load);
    for (uint64_t i = 0; i < load->connections; i++)
        pthread_join(threads[i], NULL);
}

/* --- the command line --------------------------------------------------------------------- */

enum kind { NUMBER, RATE, TEXT, FLAG };
static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *help;
} options[] = {
#define ROW(name, kind, field, help) {name, kind, offsetof(struct load, field), help},
    ROW("count", NUMBER, count, "how many dumps to send (1000)") ROW(
        "first", NUMBER, first, "the number of the first of them (0)")
        ROW("connections", NUMBER, connections, "HTTP connections at once (8)") ROW(
            "versions", NUMBER, versions,
            "versions of the product (3)") ROW("machines", NUMBER, machines,
                                               "machines that they come from (100)")
            ROW("rate", RATE, rate, "dumps per second; 0: as fast as it goes (0)") ROW(
                "key", TEXT, key, "the upload key") ROW("product", TEXT, product,
                                                        "the product's name (Demo)")
                ROW("platform", TEXT, platform, "the platform's name; else the dump says") ROW(
                    "ids", TEXT, ids_path, "file for the ids that the server gave, a line each")
                    ROW("skew", FLAG, skew, "let a few of the dumps make most of the load")
                        ROW("retry", FLAG, retry, "send again what was not acknowledged")
#undef ROW
};
enum { OPTIONS = sizeof options / sizeof *options, NUMBER_MAX = 1 << 30 };

static void print_usage(void)
{
    puts("Usage: load [OPTION...] HOST:PORT DUMP...\n");
    for (size_t i = 0; i < OPTIONS; i++)
        printf("  --%s%s\n      %s\n", options[i].name, options[i].kind == FLAG ? "" : "=VALUE",
               options[i].help);
}

static uint64_t parse_number(const char *option, const char *value)
{
    char *end;
    unsigned long long n = strtoull(value, &end, 10);
    if (end == value || *end != 0 || n > NUMBER_MAX)
        give_up(option, "its value is no number", "see load --help");
    return n;
}

/* Put one `--name` or `--name=value` where its row says. */
static void take_option(struct load *load, const char *arg)
{
    size_t n = strcspn(arg + 2, "="), i = 0;
    while (i < OPTIONS &&
           (strncmp(options[i].name, arg + 2, n) != 0 || options[i].name[n] != 0))
        i++;
    bool has_value = arg[2 + n] == '=';
    if (i == OPTIONS || has_value == (options[i].kind == FLAG))
        give_up(arg, "there is no such option", "see load --help");
    const char *value = arg + 2 + n + has_value;
    char *field = (char *)load + options[i].offset;
    switch (options[i].kind) {
    case NUMBER:
        *(uint64_t *)(void *)field = parse_number(arg, value);
        break;
    case RATE:
        *(double *)(void *)field = strtod(value, NULL);
        break;
    case TEXT:
        *(const char **)(void *)field = value;
        break;
    case FLAG:
        *(bool *)field = true;
        break;
    }
}

static void find_address(struct load *load, char *where)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char *colon = strrchr(where, ':');
    if (colon == NULL)
        give_up(where, "it has no port", "write HOST:PORT");
    *colon = 0;
    load->host = where;
    load->port = colon + 1;
    int code = getaddrinfo(load->host, load->port, &hints, &load->address);
    if (code != 0)
        give_up(where, gai_strerror(code), "name the host and port of ingest");
}

static void check_options(const struct load *load)
{
    if (load->count == 0 || load->versions == 0 || load->machines == 0)
        give_up("--count, --versions, --machines", "each must be at least 1", "give a number");
    if (load->connections == 0 || load->connections > CONNECTIONS_MAX)
        give_up("--connections", "it is from 1 to 1024", "give another number");
}

int main(int argc, char **argv)
{
    struct load load = {.count = 1000,
                        .versions = 3,
                        .machines = 100,
                        .connections = 8,
                        .key = "",
                        .product = "Demo",
                        .platform = ""};
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--help") == 0) {
            print_usage();
            return 0;
        }
        take_option(&load, argv[at]);
    }
    if (argc - at < 2)
        give_up("HOST:PORT DUMP...", "they are missing", "see load --help");
    check_options(&load);
    find_address(&load, argv[at]);
    read_dumps(&load, argv + at + 1, (size_t)(argc - at - 1));
    if (load.ids_path != NULL && (load.ids = fopen(load.ids_path, "w")) == NULL)
        give_up(load.ids_path, strerror(errno), "name a file that can be written");
    run(&load);
    print_result(&load);
    if (load.ids != NULL && fclose(load.ids) != 0)
        give_up(load.ids_path, strerror(errno), "make room");
    forget(&load);
    return load.acknowledged == load.count ? 0 : 1;
}
