/* common/log.c -- one write(2) per event, so that lines of several threads and
 * programs never mix. */
#include "log.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const char *program_name = "faultbucket";
static enum fb_log_level highest = FB_LOG_INFO;

void fb_log_open(const char *program, const char *level)
{
    program_name = program;
    for (enum fb_log_level l = FB_LOG_ERROR; l <= FB_LOG_DEBUG; l++)
        if (strcmp(level_names[l], level) == 0)
            highest = l;
}

static void put_time(struct fb_text *line)
{
    struct timespec now;
    struct tm utc;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    fb_text_format(line, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

/* Printable ASCII that needs no quotes stays as it is; all else is quoted, and what could end
 * the line, drive a terminal or turn the reading direction is written as \xNN, byte by byte. */
static void put_value(struct fb_text *line, const char *value)
{
    bool plain = value[0] != 0;
    for (const char *c = value; *c != 0; c++)
        plain = plain && *c > ' ' && *c < 0x7f && strchr("\"=\\", *c) == NULL;
    if (!plain)
        fb_text_char(line, '"');
    for (const char *c = value; *c != 0; c++) {
        if (*c >= ' ' && *c < 0x7f && *c != '"' && *c != '\\')
            fb_text_char(line, *c);
        else
            fb_text_format(line, "\\x%02x", (unsigned)(uint8_t)*c);
    }
    if (!plain)
        fb_text_char(line, '"');
}

void fb_log(enum fb_log_level level, const char *event, ...)
{
    if (level > highest)
        return;
    char room[4096];
    struct fb_text line = fb_text_over(room, sizeof room - 1); // one byte for the newline
    put_time(&line);
    fb_text_format(&line, " %s %s event=%s", level_names[level], program_name, event);
    va_list args;
    va_start(args, event);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;) {
        const char *value = va_arg(args, const char *);
        fb_text_format(&line, " %s=", key);
        put_value(&line, value != NULL ? value : "-");
    }
    va_end(args);
    room[line.n] = '\n';
    ssize_t written = write(STDERR_FILENO, room, line.n + 1);
    (void)written; // nobody is left who could be told
}

const char *fb_log_number(long long n)
{
    enum { BUFFERS = 8 };
    static _Thread_local char buffers[BUFFERS][24];
    static _Thread_local unsigned next;
    char *buffer = buffers[next++ % BUFFERS];
    snprintf(buffer, sizeof buffers[0], "%lld", n);
    return buffer;
}
