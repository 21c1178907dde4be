/* cli/sarif.c -- the log, its rules, and a result with its place, stack and keys. */
#include "sarif.h"

#include "base/hash.h"
#include "exploitability/rule_texts.h"
#include "json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FRAMES_MAX = 256, URI_ROOM = 4096, NAME_ROOM = 1024, RULES_ROOM = 256 << 10 };

/* By enum fb_class. Unknown is no all-clear, so that it warns; what seems harmless is a note.
 * The severity is what code hosts sort by, of ten. */
static const struct {
    const char *level, *severity;
    uint64_t rank; // of a hundred
} classes[] = {
    [FB_CLASS_PROBABLY_NOT_EXPLOITABLE] = {"note",    "2.0", 25 },
    [FB_CLASS_UNKNOWN] = {"warning", "5.0", 50 },
    [FB_CLASS_PROBABLY_EXPLOITABLE] = {"error",   "8.0", 75 },
    [FB_CLASS_EXPLOITABLE] = {"error",   "9.5", 100},
};

static void put_text(struct fb_text *t, const char *key, const char *text)
{
    fb_json_open(t, key, '{');
    fb_json_string(t, "text", text);
    fb_json_close(t, '}');
}

/* Rules that share a number are told apart by their short names. */
static const char *id_of(const struct fb_rule *rule, char room[NAME_ROOM])
{
    snprintf(room, NAME_ROOM, "%s/%s", rule->id, rule->short_name);
    return room;
}

/* --- the log ------------------------------------------------------------------------ */

static void put_rule(struct fb_text *t, const struct fb_rule *rule)
{
    char room[NAME_ROOM];
    const struct fb_rule_text *words = fb_rule_text(rule);
    fb_json_open(t, NULL, '{');
    fb_json_string(t, "id", id_of(rule, room));
    fb_json_string(t, "name", rule->short_name);
    put_text(t, "shortDescription", rule->text);
    if (words != NULL) {
        snprintf(room, sizeof room, "%s. It holds for: %s. It rests on: %s.", rule->text,
                 words->asks, words->rests_on);
        put_text(t, "fullDescription", room);
    }
    fb_json_open(t, "defaultConfiguration", '{');
    fb_json_string(t, "level", classes[rule->class].level);
    fb_json_close(t, '}');
    fb_json_open(t, "properties", '{');
    fb_json_string(t, "class", rule->finding == NULL ? fb_class_name(rule->class) : NULL);
    fb_json_string(t, "security-severity", classes[rule->class].severity);
    fb_json_open(t, "tags", '[');
    fb_json_string(t, NULL, "security");
    fb_json_close(t, ']');
    fb_json_close(t, '}');
    fb_json_close(t, '}');
}

static void put_driver(struct fb_text *t)
{
    fb_json_open(t, "driver", '{');
    fb_json_string(t, "name", "Faultbucket");
    fb_json_string(t, "version", FB_VERSION);
    fb_json_string(t, "semanticVersion", FB_VERSION);
    fb_json_open(t, "rules", '[');
    for (size_t i = 0; i < fb_rules_fb1.n; i++)
        put_rule(t, &fb_rules_fb1.v[i]);
    fb_json_close(t, ']');
    fb_json_close(t, '}');
}

void fb_sarif_begin(void)
{
    fputs("{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":"
          "\"2.1.0\",\"runs\":[{\"tool\":",
          stdout);
    static char room[RULES_ROOM]; // some 40 KiB are used; a test reads what comes out
    struct fb_text t = fb_text_over(room, sizeof room);
    fb_json_open(&t, NULL, '{');
    put_driver(&t);
    fb_json_close(&t, '}');
    fputs(room, stdout);
    fputs(",\"columnKind\":\"utf16CodeUnits\",\"results\":[", stdout);
}

void fb_sarif_end(bool successful)
{
    printf("],\"invocations\":[{\"executionSuccessful\":%s}]}]}\n",
           successful ? "true" : "false");
}

/* --- places ------------------------------------------------------------------------- */

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_drive(const char *p)
{
    return is_letter(p[0]) && p[1] == ':' && (p[2] == '\\' || p[2] == '/');
}
/* "hg:host/path:file:revision" and its like, which symbol files have. */
static bool has_scheme(const char *p)
{
    size_t n = 0;
    while (is_letter(p[n]) || (n > 0 && p[n] != '\0' && strchr("0123456789+-.", p[n]) != NULL))
        n++;
    return n >= 2 && p[n] == ':';
}

void fb_sarif_uri(const char *path, char *out, size_t room)
{
    struct fb_text t = fb_text_over(out, room);
    bool windows = is_drive(path) || strncmp(path, "\\\\", 2) == 0;
    bool scheme = !windows && has_scheme(path);
    if (is_drive(path))
        fb_text_str(&t, "file:///");
    else if (windows)
        fb_text_str(&t, "file:"); // "\\server" gives the two slashes
    else if (path[0] == '/')
        fb_text_str(&t, "file://");
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '\\')
            fb_text_char(&t, '/');
        else if (is_letter(*c) || strchr("0123456789-._~/", *c) != NULL ||
                 (*c == ':' && (scheme || is_drive(path))))
            fb_text_char(&t, *c);
        else
            fb_text_format(&t, "%%%02X", (unsigned)(uint8_t)*c);
    }
    if (t.cut)
        out[0] = '\0';
}

static void put_artifact(struct fb_text *t, const char *key, const char *uri)
{
    fb_json_open(t, key, '{');
    fb_json_string(t, "uri", uri);
    fb_json_close(t, '}');
}

/* The name by which people know a frame's place. */
static void name_place(const struct fb_frame *f, char room[NAME_ROOM])
{
    const char *module = f->module != NULL ? f->module->name : NULL;
    if (module != NULL && f->function != NULL)
        snprintf(room, NAME_ROOM, "%s!%s", module, f->function);
    else if (module != NULL)
        snprintf(room, NAME_ROOM, "%s+0x%" PRIx64, module, f->lookup - f->module->base);
    else
        snprintf(room, NAME_ROOM, "0x%" PRIx64, f->lookup);
}

/* A name that was cut may end within a character. */
static void put_name(struct fb_text *t, const char *key, const char *name)
{
    char room[NAME_ROOM];
    struct fb_text whole = fb_text_over(room, sizeof room);
    fb_text_utf8(&whole, (struct fb_span){(const uint8_t *)name, strlen(name), 0});
    fb_json_string(t, key, room);
}

static void put_source(struct fb_text *t, const struct fb_frame *f)
{
    char uri[URI_ROOM] = "";
    if (f->file != NULL)
        fb_sarif_uri(f->file, uri, sizeof uri);
    if (uri[0] == '\0' || f->line == 0)
        return;
    fb_json_open(t, "physicalLocation", '{');
    put_artifact(t, "artifactLocation", uri);
    fb_json_open(t, "region", '{');
    fb_json_number(t, "startLine", f->line);
    fb_json_close(t, '}');
    fb_json_close(t, '}');
}

static void put_location(struct fb_text *t, const char *key, const struct fb_frame *f)
{
    char name[NAME_ROOM];
    name_place(f, name);
    fb_json_open(t, key, '{');
    put_source(t, f);
    fb_json_open(t, "logicalLocations", '[');
    fb_json_open(t, NULL, '{');
    if (f->function != NULL)
        fb_json_string(t, "name", f->function);
    put_name(t, "fullyQualifiedName", name);
    fb_json_string(t, "kind", f->function != NULL ? "function" : "module");
    fb_json_close(t, '}');
    fb_json_close(t, ']');
    fb_json_close(t, '}');
}

static void put_stacks(struct fb_text *t, const struct fb_analysis *a,
                       const struct fb_stack *stack)
{
    bool has_thread = a->dump.crashing < a->dump.threads.n;
    fb_json_open(t, "stacks", '[');
    fb_json_open(t, NULL, '{');
    put_text(t, "message", "The stack of the thread that crashed");
    fb_json_open(t, "frames", '[');
    for (size_t i = 0; i < stack->n && i < FRAMES_MAX; i++) {
        fb_json_open(t, NULL, '{');
        put_location(t, "location", &stack->v[i]);
        if (stack->v[i].module != NULL && stack->v[i].module->name != NULL)
            fb_json_string(t, "module", stack->v[i].module->name);
        if (has_thread)
            fb_json_number(t, "threadId", a->dump.threads.v[a->dump.crashing].id);
        fb_json_close(t, '}');
    }
    fb_json_close(t, ']');
    fb_json_close(t, '}');
    fb_json_close(t, ']');
}

/* --- a result ----------------------------------------------------------------------- */

/* The frame that is to blame, else the innermost one. */
static void put_locations(struct fb_text *t, const struct fb_analysis *a)
{
    const struct fb_stack *stack = fb_crashing_stack(a);
    if (stack->n == 0)
        return;
    fb_json_open(t, "locations", '[');
    put_location(t, NULL, &stack->v[a->keys.blame < stack->n ? a->keys.blame : 0]);
    fb_json_close(t, ']');
    put_stacks(t, a, stack);
}

static void put_fingerprints(struct fb_text *t, const struct fb_analysis *a)
{
    char bucket[33], hash[40];
    fb_hex(a->keys.bucket, sizeof a->keys.bucket, bucket);
    snprintf(hash, sizeof hash, "%s.%s", a->keys.fbh1_major, a->keys.fbh1_minor);
    fb_json_open(t, "partialFingerprints", '{');
    fb_json_string(t, "faultbucketBucket/v1", bucket);
    fb_json_string(t, "faultbucketHash/v1", hash);
    fb_json_close(t, '}');
}

static void put_peers(struct fb_text *t, const struct fb_exploitability *e)
{
    if (e->n_peers == 0)
        return;
    fb_json_open(t, "peers", '{');
    for (size_t i = 0; i < e->n_peers; i++)
        fb_json_string(t, e->peers[i].tool, e->peers[i].class);
    fb_json_close(t, '}');
}

static void put_properties(struct fb_text *t, const struct fb_analysis *a)
{
    const struct fb_exploitability *e = &a->exploitability;
    fb_json_open(t, "properties", '{');
    fb_json_string(t, "class", fb_class_name(e->fb1.class));
    fb_json_string(t, "short", e->fb1.short_name);
    fb_json_number(t, "confidence", (uint64_t)e->fb1.confidence);
    fb_json_string(t, "msec16Class", fb_class_name(e->msec16.class));
    fb_json_string(t, "msec16Short", e->msec16.short_name);
    fb_json_open(t, "signals", '[');
    for (size_t i = 0; i < e->n_signals; i++)
        fb_json_string(t, NULL, e->signals[i]);
    fb_json_close(t, ']');
    put_peers(t, e);
    fb_json_string(t, "product", a->keys.product);
    fb_json_string(t, "signature", a->keys.signature);
    fb_json_string(t, "crashType", a->crash.type);
    fb_json_hex(t, "address", a->crash.address, 1, a->crash.crashed);
    fb_json_string(t, "instruction", a->crash.instruction);
    fb_json_string(t, "dumpSha256", a->sha256);
    fb_json_close(t, '}');
}

/* A dump that somebody asked for is no failure. */
static void put_level(struct fb_text *t, const struct fb_analysis *a)
{
    enum fb_class class = a->exploitability.fb1.class;
    fb_json_string(t, "kind", a->crash.crashed ? "fail" : "informational");
    fb_json_string(t, "level", a->crash.crashed ? classes[class].level : "none");
    if (a->crash.crashed)
        fb_json_number(t, "rank", classes[class].rank);
}

static void put_target(struct fb_text *t, const struct fb_analysis *a)
{
    char uri[URI_ROOM] = "";
    if (a->file != NULL)
        fb_sarif_uri(a->file, uri, sizeof uri);
    if (uri[0] != '\0')
        put_artifact(t, "analysisTarget", uri);
}

bool fb_sarif_result(const struct fb_analysis *a, bool first, struct fb_arena *arena)
{
    char room[NAME_ROOM];
    const struct fb_rule *rule = fb_rule_of(&a->exploitability.fb1);
    struct fb_text t = fb_text_open(arena);
    fb_json_open(&t, NULL, '{');
    fb_json_string(&t, "ruleId", id_of(rule, room));
    fb_json_number(&t, "ruleIndex", (uint64_t)(rule - fb_rules_fb1.v));
    put_level(&t, a);
    put_text(&t, "message", a->exploitability.fb1.explanation);
    put_target(&t, a);
    put_locations(&t, a);
    put_fingerprints(&t, a);
    put_properties(&t, a);
    fb_json_close(&t, '}');
    if (fb_text_close(&t, arena) == NULL)
        return false;
    fputs(first ? "\n" : ",\n", stdout);
    fputs(t.p, stdout);
    return true;
}
