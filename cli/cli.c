/* cli/cli.c -- what the commands share: messages to people, and text made safe
 * for a terminal. */
#include "cli.h"

#include "base/text.h"

#include <string.h>

int fb_cli_usage(const char *command, const char *message)
{
    fprintf(stderr, "faultbucket %s: %s; `faultbucket %s --help` says how\n", command, message,
            command);
    return FB_EXIT_USAGE;
}

int fb_cli_failed(const char *command, const char *thing, const char *reason,
                  const char *next_step)
{
    fprintf(stderr, "faultbucket %s: %s: %s; %s\n", command, fb_cli_safe(thing), reason,
            next_step);
    return FB_EXIT_FAILED;
}

const char *fb_cli_safe(const char *text)
{
    enum { BUFFERS = 8, ROOM = 1024 };
    static char buffers[BUFFERS][ROOM];
    static unsigned next;
    if (text == NULL)
        return "-";
    char valid[ROOM];
    struct fb_text utf8 = fb_text_over(valid, sizeof valid);
    fb_text_utf8(&utf8, fb_span_of(text));
    struct fb_text out = fb_text_over(buffers[next++ % BUFFERS], ROOM);
    for (size_t i = 0, n; i < utf8.n; i += n) {
        uint32_t c = fb_text_code_point((const uint8_t *)valid + i, &n);
        if (!fb_text_harmful(c))
            fb_text_put(&out, valid + i, n);
        else
            fb_text_format(&out, "\\u%04x", c);
    }
    return out.p;
}
