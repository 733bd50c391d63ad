/* Reads the answers in a block of transcript lines: what the loop of decode.py does, compiled.

   It takes the usual layout only, and takes a line whole or not at all. A line in which anything is out of the ordinary
   (a count that is no plain number, a repeated or escaped key, a control character, an odd time, broken text …) is handed
   back by its place, for records.py to read patiently. So it needs no rule for bad input, only the certainty that the
   input is good. tests/test_properties.py holds it against the patient way.

   All texts point into the caller's block, which cannot move while we hold its buffer.

   The second part keeps the rows that a first pass makes of the answers, so that their pull requests and totals need not
   be read back from the ledger: what writer.py, pull_request_links.py and totals.py of ledger/usage do, compiled. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 64 /* nesting that is still usual */
#define MAX_COUNT 1000000000000ULL
#define FIRST_MS (-62000000000000LL)
#define PRIME ((1ULL << 61) - 1)
#define LONGEST_ESCAPED 1024
#define NO_TIME (1LL << 62)
#define LONGEST_ANSWER_MS 600000 /* model/usage/messages.py */
#define LONGEST_AFTER_STOP_MS 10000
#define MOST_LINES 24    /* of one answer, held at once */
#define MOST_BLOCKS 32
#define MOST_KEYS 64     /* of an object in the input of a tool */
#define KEY_CHARACTERS 80 /* model/usage/content.py */
#define LONGEST_CLEAR 4096
#define WAYS 6
#define PLAIN_FIELDS 18
enum { WAY_AGENT, WAY_SKILL, WAY_PLUGIN, WAY_SERVER, WAY_EFFORT, WAY_ENTRYPOINT };
#define CLEAR_NEEDLE "<command-name>/clear</command-name>"
#define USAGE_NEEDLE "\"usage\""
#define SUBAGENT_NEEDLE "\"subagent_type\"" /* a call without it names no type; a line with escaped keys is odd */

/* how a line is handed back; decode.py has the same numbers */
enum { READ = 0, PROMPT = 1, UNCERTAIN = 2, CLEAR = 3, SPAWN = 4, SUBAGENT = 5 };
enum { FORKED = 1, SIDECHAIN = 2, FOREIGN = 4 }; /* model/usage/messages.py */

typedef const unsigned char *Bytes;

typedef struct {
    Bytes p, end;
} Cursor;

typedef struct { /* p is NULL where the text is null or missing */
    Bytes p;
    Py_ssize_t n;
    int is_escaped;
} Text;

typedef struct { /* a visible text or tool call: model/usage/content.py */
    uint32_t key, length;
} Block;

typedef struct { /* in the order of an origin (model/usage/messages.py), then what else is said */
    Text model, speed, geo, stop, branch, cwd, agent, owner;
    Text id, session, request, uuid, stamp, part_model, version;
    Text prompt; /* of the subagent that a progress record is about */
    Text way[WAYS]; /* model/usage/messages.py: agent, skill, plugin, server, effort, entrypoint */
    Bytes content, content_end; /* NULL where there is none */
    uint64_t input, output, written, read, five, hour, searches;
    int has_split, has_usage, flags, spawns;
    int64_t at;
} Record;

typedef struct { /* a line without a stop reason, and its content */
    Bytes start, stop, content, content_end;
    int is_final; /* its client writes final counts in every line */
} Line;

typedef struct { /* a message whose lines are being read: `_Held` of decode.py */
    Record record;
    int64_t first, last, leaf_at;
    Text leaf, mark, request, way[WAYS];
    int64_t stop_at;
    uint64_t counts[6];
    Line lines[MOST_LINES]; /* while there is no stop reason: all lines */
    int n_lines, is_there;
} Held;

#define RECENT 4 /* tuples that are looked for before their texts are made again */

typedef struct { /* tuples of texts that were met last, by their places in a table of the batch */
    Text texts[RECENT][8];
    uint32_t places[RECENT];
    int n, next;
} Recent;

enum { IN_ORIGINS, IN_SESSIONS, IN_WAYS, TABLES };

typedef struct { /* a PlainMessage of model/usage/messages.py */
    uint64_t identity;
    int64_t at;
    uint64_t counts[6];
    int64_t chosen_at, last_at, stop_at; /* NO_TIME where there is no stop reason */
    uint64_t mark;
    uint64_t texts; /* where its request and, behind it, its blocks begin */
    uint32_t place[TABLES], n_request;
    uint16_t n_blocks; /* bytes */
    uint8_t flags, is_there;
} Plain;

typedef struct {
    PyObject_HEAD
    Plain *items;
    unsigned char *texts;
    uint32_t *index; /* by identity: places of items, from 1 on; a power of two of them, or none yet */
    size_t n, room, n_texts, texts_room, n_index, n_there;
    PyObject *table[TABLES]; /* lists of what items name by place */
    PyObject *known;         /* places by value */
} Plains;

typedef struct { /* what a call has made so far */
    Bytes block; /* that is read */
    PyObject *made, *folder, *session, *empty;
    PyObject *messages, *fragments; /* of the batch, by identity; a message that is in neither goes to the plain ones */
    Plains *plains;
    Recent origins, ways;
    Text session_text;
    uint32_t session_place;
    Text prompts[RECENT][3]; /* session, subagent and its prompt, which were handed back last */
    int has_session, next_prompt;
    int64_t first, last, leaf_at; /* of the messages of the session */
    Text leaf;
} Making;

/* -- JSON ------------------------------------------------------------------------------------------------------ */

#define ONES 0x0101010101010101ULL
#define HIGH (ONES * 0x80)

static uint64_t eight(Bytes p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

/* The high bits of bytes that are equal to one; after the first of them, others may be set as well. */
static uint64_t has(uint64_t w, unsigned char byte)
{
    w ^= ONES * byte;
    return (w - ONES) & ~w & HIGH;
}

/* The high bits of bytes that end a run of plain text: quotes, backslashes, controls; also others after the first. */
static uint64_t marks(uint64_t w)
{
    return has(w, '"') | has(w, '\\') | ((w - ONES * 0x20) & ~w & HIGH);
}

/* Whether a character may follow a backslash. */
static int is_escaped(unsigned char c)
{
#define BIT(c) (1ULL << ((c) & 63))
    static const uint64_t escaped[4] = {
        BIT('"') | BIT('/'),
        BIT('\\') | BIT('b') | BIT('f') | BIT('n') | BIT('r') | BIT('t') | BIT('u')
    };
#undef BIT
    return escaped[c >> 6] >> (c & 63) & 1;
}

/* Past a string; the cursor stands on its opening quote. */
static int text(Cursor *c, Text *out)
{
    Bytes p = c->p + 1, end = c->end;
    out->p = p;
    out->is_escaped = 0;
    for (;;) {
        while (end - p >= 8) {
            const uint64_t found = marks(eight(p));
            if (found) {
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                p += __builtin_ctzll(found) >> 3;
#endif
                break;
            }
            p += 8;
        }
        if (p >= end || *p < 0x20)
            return 0;
        if (*p == '"') {
            out->n = p - out->p;
            c->p = p + 1;
            return 1;
        }
        if (*p == '\\') {
            out->is_escaped = 1;
            if (end - p < 2 || !is_escaped(p[1]))
                return 0;
            if (p[1] == 'u') {
                if (end - p < 6)
                    return 0;
                for (int i = 2; i < 6; i++)
                    if (!((p[i] >= '0' && p[i] <= '9') || ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f')))
                        return 0;
                p += 4;
            }
            p++;
        }
        p++;
    }
}

static void space(Cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r'))
        c->p++;
}

static int literal(Cursor *c, const char *word, Py_ssize_t n)
{
    if (c->end - c->p < n || memcmp(c->p, word, (size_t)n) != 0)
        return 0;
    c->p += n;
    return 1;
}
#define LITERAL(c, word) literal(c, word, sizeof(word) - 1)

static int digits(Cursor *c)
{
    Bytes start = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
        c->p++;
    return c->p > start;
}

static int number(Cursor *c)
{
    if (c->p < c->end && *c->p == '-')
        c->p++;
    if (c->p < c->end && *c->p == '0')
        c->p++;
    else if (!digits(c))
        return 0;
    if (c->p < c->end && *c->p == '.') {
        c->p++;
        if (!digits(c))
            return 0;
    }
    if (c->p < c->end && (*c->p | 32) == 'e') {
        c->p++;
        if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
            c->p++;
        if (!digits(c))
            return 0;
    }
    return 1;
}

/* On to the value of the next key: 1; 0 where the object ends, -1 where something is odd. The cursor stands behind the
   opening brace at first, later behind a value. */
static int next_key(Cursor *c, int *begun, Text *key)
{
    space(c);
    if (c->p >= c->end)
        return -1;
    if (*c->p == '}') {
        c->p++;
        return 0;
    }
    if (*begun) {
        if (*c->p != ',')
            return -1;
        c->p++;
        space(c);
    }
    *begun = 1;
    if (c->p >= c->end || *c->p != '"' || !text(c, key) || key->is_escaped)
        return -1;
    space(c);
    if (c->p >= c->end || *c->p != ':')
        return -1;
    c->p++;
    space(c);
    return c->p < c->end ? 1 : -1;
}

/* On to the next element of an array: 1; 0 where the array ends, -1 where something is odd. The cursor stands behind the
   opening bracket at first, later behind an element. */
static int next_element(Cursor *c, int *begun)
{
    space(c);
    if (c->p >= c->end)
        return -1;
    if (*c->p == ']') {
        c->p++;
        return 0;
    }
    if (*begun) {
        if (*c->p != ',')
            return -1;
        c->p++;
        space(c);
    }
    *begun = 1;
    return c->p < c->end ? 1 : -1;
}

static int skip(Cursor *c, int depth)
{
    Text ignored;
    int begun = 0, more;
    if (c->p >= c->end || depth > DEEPEST)
        return 0;
    switch (*c->p) {
    case '"':
        return text(c, &ignored);
    case 't':
        return LITERAL(c, "true");
    case 'f':
        return LITERAL(c, "false");
    case 'n':
        return LITERAL(c, "null");
    case '{':
        c->p++;
        while ((more = next_key(c, &begun, &ignored)) == 1)
            if (!skip(c, depth + 1))
                return 0;
        return more == 0;
    case '[':
        c->p++;
        while ((more = next_element(c, &begun)) == 1)
            if (!skip(c, depth + 1))
                return 0;
        return more == 0;
    default:
        return number(c);
    }
}

/* Whether bytes are UTF-8; others are replaced by the patient way. */
static int is_utf8(Bytes p, Bytes end)
{
    PyObject *tried;
    Bytes start = p;
    while (end - p >= 8 && !(eight(p) & HIGH))
        p += 8;
    while (p < end && *p < 0x80)
        p++;
    if (p == end)
        return 1;
    tried = PyUnicode_DecodeUTF8((const char *)start, end - start, NULL);
    if (tried == NULL) {
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(tried);
    return 1;
}

/* Whether a text can be handed to Python as it stands, or after taking backslashes away. */
static int is_fit(const Text *said)
{
    for (Py_ssize_t i = 0; said->is_escaped && i < said->n; i++)
        if (said->p[i] == '\\') {
            if (said->n > LONGEST_ESCAPED || memchr("\"\\/", said->p[i + 1], 3) == NULL)
                return 0;
            i++;
        }
    return is_utf8(said->p, said->p + said->n);
}

static int is_same(const Text *a, const Text *b)
{
    return a->n == b->n && a->is_escaped == b->is_escaped && (a->n == 0 || memcmp(a->p, b->p, (size_t)a->n) == 0);
}

/* Whether a text without escapes comes before another one. */
static int is_before(const Text *a, const Text *b)
{
    int order = memcmp(a->p, b->p, (size_t)(a->n < b->n ? a->n : b->n));
    return order < 0 || (order == 0 && a->n < b->n);
}

static int take(Cursor *c, Text *out)
{
    return *c->p == '"' && text(c, out) && is_fit(out);
}

static int take_or_null(Cursor *c, Text *out)
{
    if (*c->p != 'n')
        return take(c, out);
    out->p = NULL;
    out->n = 0;
    out->is_escaped = 0;
    return LITERAL(c, "null");
}

static int count(Cursor *c, uint64_t *out)
{
    Bytes start = c->p;
    uint64_t value = 0;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && c->p - start < 14)
        value = value * 10 + (uint64_t)(*c->p++ - '0');
    if (c->p == start || (*start == '0' && c->p - start > 1) || value > MAX_COUNT || c->p >= c->end)
        return 0;
    *out = value;
    return *c->p == ',' || *c->p == '}' || *c->p == ' ';
}

/* -- the record ------------------------------------------------------------------------------------------------ */

#define IS(key, word) ((key).n == sizeof(word) - 1 && memcmp((key).p, word, sizeof(word) - 1) == 0)

/* Note that a key was seen: false where it was before, since which of the two counts is for others to say. */
static int once(unsigned *seen, int bit)
{
    unsigned before = *seen;
    *seen |= 1u << bit;
    return !(before >> bit & 1);
}

static int split_of(Cursor *c, Record *r)
{
    Text key;
    unsigned seen = 0;
    int begun = 0, more, good;
    if (*c->p == 'n')
        return LITERAL(c, "null");
    if (*c->p++ != '{')
        return 0;
    r->has_split = 1;
    while ((more = next_key(c, &begun, &key)) == 1) {
        if (IS(key, "ephemeral_5m_input_tokens"))
            good = once(&seen, 0) && count(c, &r->five);
        else if (IS(key, "ephemeral_1h_input_tokens"))
            good = once(&seen, 1) && count(c, &r->hour);
        else
            good = skip(c, 3);
        if (!good)
            return 0;
    }
    return more == 0;
}

static int tools_of(Cursor *c, Record *r)
{
    Text key;
    unsigned seen = 0;
    int begun = 0, more;
    if (*c->p == 'n')
        return LITERAL(c, "null");
    if (*c->p++ != '{')
        return 0;
    while ((more = next_key(c, &begun, &key)) == 1)
        if (!(IS(key, "web_search_requests") ? once(&seen, 0) && count(c, &r->searches) : skip(c, 3)))
            return 0;
    return more == 0;
}

/* `iterations`: only plain entries of the answer's own model add nothing; anything else is for the patient way. */
static int parts_of(Cursor *c, Record *r)
{
    int begun_list = 0, further;
    if (*c->p == 'n')
        return LITERAL(c, "null");
    if (*c->p++ != '[')
        return 0;
    while ((further = next_element(c, &begun_list)) == 1) {
        Text key, kind = {NULL, 0, 0}, model = {NULL, 0, 0};
        unsigned seen = 0;
        int begun = 0, more, good;
        if (*c->p++ != '{')
            return 0;
        while ((more = next_key(c, &begun, &key)) == 1) {
            if (IS(key, "type"))
                good = once(&seen, 0) && take(c, &kind);
            else if (IS(key, "model"))
                good = once(&seen, 1) && take_or_null(c, &model);
            else
                good = skip(c, 4);
            if (!good)
                return 0;
        }
        if (more != 0 || !IS(kind, "message"))
            return 0;
        if (model.p != NULL) {
            if (r->part_model.p != NULL &&
                (model.n != r->part_model.n || memcmp(model.p, r->part_model.p, (size_t)model.n) != 0))
                return 0;
            r->part_model = model;
        }
    }
    return further == 0;
}

static int usage_of(Cursor *c, Record *r)
{
    Text key;
    unsigned seen = 0;
    int begun = 0, more, good;
    if (*c->p++ != '{')
        return 0;
    r->has_usage = 1;
    while ((more = next_key(c, &begun, &key)) == 1) {
        if (IS(key, "input_tokens"))
            good = once(&seen, 0) && count(c, &r->input);
        else if (IS(key, "output_tokens"))
            good = once(&seen, 1) && count(c, &r->output);
        else if (IS(key, "cache_creation_input_tokens"))
            good = once(&seen, 2) && count(c, &r->written);
        else if (IS(key, "cache_read_input_tokens"))
            good = once(&seen, 3) && count(c, &r->read);
        else if (IS(key, "cache_creation"))
            good = once(&seen, 4) && split_of(c, r);
        else if (IS(key, "server_tool_use"))
            good = once(&seen, 5) && tools_of(c, r);
        else if (IS(key, "speed"))
            good = once(&seen, 6) && take_or_null(c, &r->speed);
        else if (IS(key, "inference_geo"))
            good = once(&seen, 7) && take_or_null(c, &r->geo);
        else if (IS(key, "iterations"))
            good = once(&seen, 8) && parts_of(c, r);
        else if (*c->p == '"' && IS(key, "service_tier")) { /* a batch has its own price: `speed_of` of records.py */
            Text tier;
            good = text(c, &tier) && !tier.is_escaped && !IS(tier, "batch");
        }
        else
            good = skip(c, 3);
        if (!good)
            return 0;
    }
    return more == 0;
}

/* The blocks of `content`: which MCP server they call, and whether they start subagents (`server_of` and `spawns_of` of
   ways.py). Anything but a list is passed over. */
static int content_of(Cursor *c, Record *r, Text *server)
{
    int begun_list = 0, further;
    if (*c->p != '[')
        return skip(c, 2);
    c->p++;
    while ((further = next_element(c, &begun_list)) == 1) {
        Text key, kind = {NULL, 0, 0}, name = {NULL, 0, 0};
        unsigned seen = 0;
        int begun = 0, more;
        if (*c->p++ != '{')
            return 0;
        while ((more = next_key(c, &begun, &key)) == 1) {
            int good;
            if (IS(key, "type"))
                good = once(&seen, 0) && *c->p == '"' && text(c, &kind);
            else if (IS(key, "name"))
                good = once(&seen, 1) && (*c->p == '"' ? text(c, &name) && !name.is_escaped : skip(c, 4));
            else
                good = skip(c, 4);
            if (!good)
                return 0;
        }
        if (more != 0)
            return 0;
        if (kind.is_escaped)
            return 0;
        if (name.p != NULL && IS(kind, "tool_use")) {
            if (name.n > 5 && memcmp(name.p, "mcp__", 5) == 0) {
                Text said = {name.p + 5, name.n - 5, 0};
                for (Py_ssize_t i = 0; i + 1 < said.n; i++)
                    if (said.p[i] == '_' && said.p[i + 1] == '_')
                        said.n = i;
                if (!is_fit(&said))
                    return 0;
                if (said.n == 0)
                    ;
                else if (server->n < said.n ? memcmp(server->p ? server->p : said.p, said.p, (size_t)server->n) <= 0
                                       : memcmp(said.p, server->p, (size_t)said.n) > 0)
                    *server = said;
            }
            else if (IS(name, "Task") || IS(name, "Agent"))
                r->spawns = 1;
        }
    }
    return further == 0;
}

static int message_of(Cursor *c, Record *r, Text *server)
{
    Text key;
    unsigned seen = 0;
    int begun = 0, more, good;
    if (*c->p++ != '{')
        return 0;
    while ((more = next_key(c, &begun, &key)) == 1) {
        if (IS(key, "id"))
            good = once(&seen, 0) && take(c, &r->id);
        else if (IS(key, "model"))
            good = once(&seen, 1) && take(c, &r->model);
        else if (IS(key, "stop_reason"))
            good = once(&seen, 2) && take_or_null(c, &r->stop);
        else if (IS(key, "usage"))
            good = once(&seen, 3) && usage_of(c, r);
        else if (IS(key, "content")) {
            r->content = c->p;
            good = once(&seen, 4) && content_of(c, r, server);
            r->content_end = c->p;
        }
        else
            good = skip(c, 2);
        if (!good)
            return 0;
    }
    return more == 0;
}

/* `forkedFrom`: an object that says something, or nothing at all */
static int fork_of(Cursor *c, Record *r)
{
    Bytes start = c->p;
    if (*start == 'n')
        return LITERAL(c, "null");
    if (*start != '{' || c->end - start < 2 || start[1] != '"')
        return 0;
    r->flags |= FORKED;
    return skip(c, 1);
}

/* A text of the record's way (ways.py); false for a key that is none. */
static int way_place(const Text *key)
{
    if (IS(*key, "entrypoint"))
        return WAY_ENTRYPOINT;
    if (IS(*key, "effort"))
        return WAY_EFFORT;
    if (key->n < 16 || memcmp(key->p, "attribution", 11) != 0)
        return -1;
    if (IS(*key, "attributionAgent"))
        return WAY_AGENT;
    if (IS(*key, "attributionSkill"))
        return WAY_SKILL;
    if (IS(*key, "attributionPlugin"))
        return WAY_PLUGIN;
    return IS(*key, "attributionMcpServer") ? WAY_SERVER : -1;
}

/* The answer within a progress record: with anything but these keys it is for the patient way. */
static int inner_of(Cursor *c, Record *r, Text *server)
{
    Text key;
    unsigned seen = 0;
    int begun = 0, more, good;
    if (*c->p++ != '{')
        return 0;
    while ((more = next_key(c, &begun, &key)) == 1) {
        if (IS(key, "message"))
            good = once(&seen, 0) && message_of(c, r, server);
        else if (IS(key, "timestamp"))
            good = once(&seen, 1) && take(c, &r->stamp);
        else if (IS(key, "requestId"))
            good = once(&seen, 2) && take_or_null(c, &r->request);
        else if (IS(key, "uuid"))
            good = once(&seen, 3) && take_or_null(c, &r->uuid);
        else
            good = IS(key, "type") && once(&seen, 4) && skip(c, 2);
        if (!good)
            return 0;
    }
    return more == 0;
}

/* The `data` of a progress record: the answer, the subagent that gave it and the prompt of that. */
static int data_of(Cursor *c, Record *r, Text *server)
{
    Text key;
    unsigned seen = 0;
    int begun = 0, more, good;
    if (*c->p++ != '{')
        return 0;
    while ((more = next_key(c, &begun, &key)) == 1) {
        if (IS(key, "message"))
            good = once(&seen, 0) && inner_of(c, r, server);
        else if (IS(key, "agentId"))
            good = once(&seen, 1) && take_or_null(c, &r->agent);
        else if (IS(key, "prompt"))
            good = once(&seen, 2) && (*c->p == '"' ? text(c, &r->prompt) : skip(c, 2));
        else
            good = skip(c, 2);
        if (!good)
            return 0;
    }
    return more == 0;
}

/* A whole record. Of a progress record the envelope around the answer says less: neither time, nor ids. */
static int record_of(Cursor *c, Record *r, int is_progress)
{
    Text key, server = {NULL, 0, 0};
    int place;
    unsigned seen = 0;
    int begun = 0, more, good;
    memset(r, 0, sizeof *r);
    if (*c->p++ != '{')
        return 0;
    while ((more = next_key(c, &begun, &key)) == 1) {
        if (is_progress && (IS(key, "timestamp") || IS(key, "uuid")))
            good = skip(c, 1);
        else if (is_progress && (IS(key, "message") || IS(key, "requestId") || IS(key, "agentId")))
            good = 0;
        else if (is_progress && IS(key, "data"))
            good = once(&seen, 0) && data_of(c, r, &server);
        else if (IS(key, "message"))
            good = once(&seen, 0) && message_of(c, r, &server);
        else if (IS(key, "timestamp"))
            good = once(&seen, 1) && take(c, &r->stamp);
        else if (IS(key, "sessionId"))
            good = once(&seen, 2) && take(c, &r->session);
        else if (IS(key, "cwd"))
            good = once(&seen, 3) && take(c, &r->cwd);
        else if (IS(key, "gitBranch"))
            good = once(&seen, 4) && take_or_null(c, &r->branch);
        else if (IS(key, "requestId"))
            good = once(&seen, 5) && take_or_null(c, &r->request);
        else if (IS(key, "uuid"))
            good = once(&seen, 6) && take_or_null(c, &r->uuid);
        else if (IS(key, "agentId"))
            good = once(&seen, 7) && take_or_null(c, &r->agent);
        else if (IS(key, "ownerAccountUuid"))
            good = once(&seen, 8) && take_or_null(c, &r->owner);
        else if (IS(key, "isSidechain")) {
            good = once(&seen, 9);
            if (good && LITERAL(c, "true"))
                r->flags |= SIDECHAIN;
            else
                good = good && LITERAL(c, "false");
        }
        else if (IS(key, "forkedFrom"))
            good = once(&seen, 10) && fork_of(c, r);
        else if (IS(key, "costUSD"))
            good = once(&seen, 11) && LITERAL(c, "null");
        else if (IS(key, "type"))
            good = once(&seen, 12) && skip(c, 1);
        else if (IS(key, "version"))
            good = once(&seen, 13) && (*c->p == '"' ? text(c, &r->version) && !r->version.is_escaped : skip(c, 1));
        else if ((place = way_place(&key)) >= 0)
            good = once(&seen, 14 + place) && take_or_null(c, &r->way[place]);
        else
            good = skip(c, 1);
        if (!good)
            return 0;
    }
    if (r->way[WAY_SERVER].n == 0)
        r->way[WAY_SERVER] = server;
    if (is_progress)
        r->flags |= SIDECHAIN;
    space(c);
    return more == 0 && c->p == c->end;
}

static int two(Bytes p)
{
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Epoch milliseconds of `2026-11-21T09:15:00.123Z` or the same without a fraction. */
static int moment(const Text *said, int64_t *at)
{
    static const char layout[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour, minute, second, length;
    int64_t era_year, era, of_era, of_year, days;
    Bytes p = said->p;
    if (said->n != 24 && said->n != 20)
        return 0;
    for (int i = 0; i < said->n; i++) {
        char wanted = i == said->n - 1 ? 'Z' : layout[i];
        if (wanted == 'd' ? p[i] < '0' || p[i] > '9' : p[i] != (unsigned char)wanted)
            return 0;
    }
    year = two(p) * 100 + two(p + 2);
    month = two(p + 5);
    day = two(p + 8);
    hour = two(p + 11);
    minute = two(p + 14);
    second = two(p + 17);
    if (year < 1 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return 0;
    length = lengths[month - 1] + (month == 2 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)));
    if (day < 1 || day > length)
        return 0;
    /* days since 1970 in the Gregorian calendar, years beginning in March (H. Hinnant, days_from_civil) */
    era_year = month > 2 ? year : year - 1;
    era = era_year / 400;
    of_era = era_year - era * 400;
    of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    *at = ((days * 24 + hour) * 60 + minute) * 60000 + second * 1000;
    if (said->n == 24)
        *at += two(p + 20) * 10 + (p[22] - '0');
    return 1;
}

static int is_issued(const Text *id)
{
    if (id->n < 24 || memcmp(id->p, "msg_", 4) != 0)
        return 0;
    for (Py_ssize_t i = 4; i < id->n; i++) {
        unsigned char c = id->p[i];
        if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_'))
            return 0;
    }
    return 1;
}

/* -- the visible content: `blocks_of` of records.py ------------------------------------------------------------ */

static uint32_t mix(uint32_t key, unsigned char byte)
{
    return (key ^ byte) * 0x01000193u;
}

/* Go on with a key by a text, or by its first characters (most), and count all of its characters. Takes no \u. */
static int mix_text(const Text *said, uint32_t *key, uint32_t most, uint32_t *characters)
{
    uint32_t n = 0, k = *key;
    if (!is_utf8(said->p, said->p + said->n))
        return 0;
    for (Py_ssize_t i = 0; i < said->n; i++) {
        while (n >= most && said->n - i > 8 && !((eight(said->p + i) & HIGH) | marks(eight(said->p + i)))) {
            n += 8;
            i += 8;
        }
        unsigned char byte = said->p[i];
        if ((byte & 0xC0) != 0x80)
            n++;
        if (byte == '\\') {
            static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
            const char *place;
            byte = said->p[++i];
            if (byte == 'u')
                return 0;
            place = memchr(from, byte, 5);
            if (place != NULL)
                byte = (unsigned char)to[place - from];
        }
        if (n <= most)
            k = mix(k, byte);
    }
    *key = k;
    *characters = n;
    return 1;
}

/* Past a value in which no object has a key twice, of which json.dumps writes the last one alone: 1; else 0, also where an
   object has many keys. */
static int is_distinct(Cursor *c, int depth)
{
    Text keys[MOST_KEYS];
    int n = 0, begun = 0, more;
    if (depth > DEEPEST || (*c->p != '{' && *c->p != '['))
        return depth <= DEEPEST && skip(c, depth);
    if (*c->p++ == '{') {
        while ((more = next_key(c, &begun, &keys[n])) == 1) {
            for (int i = 0; i < n; i++)
                if (is_same(&keys[i], &keys[n]))
                    return 0;
            if (++n == MOST_KEYS || !is_distinct(c, depth + 1))
                return 0;
        }
        return more == 0;
    }
    while ((more = next_element(c, &begun)) == 1)
        if (!is_distinct(c, depth + 1))
            return 0;
    return more == 0;
}

/* Characters of a value as json.dumps would write it: ", " and ": " between its parts. Takes no \u. */
static int dumped(Bytes p, Bytes end, uint32_t *characters)
{
    uint32_t n = 0;
    int is_text = 0;
    if (!is_utf8(p, end))
        return 0;
    for (; p < end; p++) {
        if (is_text) {
            while (end - p > 8 && !((eight(p) & HIGH) | marks(eight(p)))) {
                n += 8;
                p += 8;
            }
            if (*p == '\\') {
                p++;
                if (*p == 'u')
                    return 0;
                n += *p == '/' ? 1 : 2;
            }
            else {
                if (*p == '"')
                    is_text = 0;
                n += (*p & 0xC0) != 0x80;
            }
        }
        else if (*p == '.' || *p == 'e' || *p == 'E') { /* a fraction may be written in other ways; `true`, `false` */
            if (*p != 'e' || end - p < 1 || !(p[-1] == 'u' || p[-1] == 's'))
                return 0;
            n++;
        }
        else if (*p == '-' && end - p > 1 && p[1] == '0') /* -0 is written as 0 */
            return 0;
        else if (*p != ' ' && *p != '\t' && *p != '\r') {
            if (*p == '"')
                is_text = 1;
            n += *p == ',' || *p == ':' ? 2 : 1;
        }
    }
    *characters = n;
    return 1;
}

static int add_block(Block *blocks, int *n, uint32_t key, uint32_t length)
{
    int i;
    for (i = 0; i < *n && blocks[i].key < key; i++)
        ;
    if (i < *n && blocks[i].key == key) {
        if (length > blocks[i].length)
            blocks[i].length = length;
        return 1;
    }
    if (*n == MOST_BLOCKS)
        return 0;
    memmove(blocks + i + 1, blocks + i, (size_t)(*n - i) * sizeof *blocks);
    blocks[i].key = key;
    blocks[i].length = length;
    (*n)++;
    return 1;
}

/* Whether a version is 2.1.60 or later: it writes the final counts of every answer. */
static int writes_final_counts(const Text *version)
{
    static const long first[3] = {2, 1, 60};
    Bytes p = version->p, end = p + version->n;
    int decided = 0;
    if (p == NULL)
        return 0;
    for (int i = 0; i < 3; i++) {
        long value = 0;
        Bytes start = p;
        while (p < end && *p >= '0' && *p <= '9' && value < 1000000)
            value = value * 10 + (*p++ - '0');
        if (p == start || (p < end && *p != '.') || (p == end && i < 2))
            return 0;
        if (!decided && value != first[i])
            decided = value > first[i] ? 1 : -1;
        p++;
    }
    return decided >= 0;
}

static int blocks_of(const Line *line, Block *blocks, int *n_blocks)
{
    Cursor c = {line->content, line->content_end};
    int begun_list = 0, further;
    if (line->is_final && !add_block(blocks, n_blocks, 0, 0))
        return 0;
    if (c.p == NULL || *c.p != '[')
        return 1;
    c.p++;
    while ((further = next_element(&c, &begun_list)) == 1) {
        Text key, kind = {NULL, 0, 0}, name = {NULL, 0, 0}, id = {NULL, 0, 0}, said = {NULL, 0, 0};
        Bytes input = NULL, input_end = NULL;
        uint32_t hash = 0x811C9DC5u, length, ignored, more_length;
        unsigned seen = 0;
        int begun = 0, more, good;
        if (*c.p++ != '{')
            return 0; /* no block at all */
        while ((more = next_key(&c, &begun, &key)) == 1) {
            if (IS(key, "type"))
                good = once(&seen, 0) && *c.p == '"' && text(&c, &kind) && !kind.is_escaped;
            else if (IS(key, "id"))
                good = once(&seen, 1) && (*c.p == '"' ? text(&c, &id) : skip(&c, 4));
            else if (IS(key, "name"))
                good = once(&seen, 2) && (*c.p == '"' ? text(&c, &name) : skip(&c, 4));
            else if (IS(key, "text"))
                good = once(&seen, 3) && (*c.p == '"' ? text(&c, &said) : skip(&c, 4));
            else if (IS(key, "input")) {
                input = c.p;
                good = once(&seen, 4) && is_distinct(&c, 4);
                input_end = c.p;
            }
            else
                good = skip(&c, 4);
            if (!good)
                return 0;
        }
        if (more != 0)
            return 0;
        if (IS(kind, "text") && said.n > 0) {
            for (const char *p = "text"; *p; p++)
                hash = mix(hash, (unsigned char)*p);
            hash = mix(hash, 0);
            if (id.n > 0) {
                if (!mix_text(&id, &hash, UINT32_MAX, &ignored))
                    return 0;
                more_length = 0;
                uint32_t unused = 0;
                if (!mix_text(&said, &unused, 0, &length))
                    return 0;
            }
            else if (!mix_text(&said, &hash, KEY_CHARACTERS, &length))
                return 0;
            if (!add_block(blocks, n_blocks, hash ? hash : 1, length))
                return 0;
        }
        else if (IS(kind, "tool_use")) {
            uint32_t unused = 0;
            if (id.n == 0 || name.p == NULL || input == NULL)
                return 0;
            for (const char *p = "tool_use"; *p; p++)
                hash = mix(hash, (unsigned char)*p);
            hash = mix(hash, 0);
            if (!mix_text(&id, &hash, UINT32_MAX, &ignored) || !mix_text(&name, &unused, 0, &length) ||
                !dumped(input, input_end, &more_length) ||
                !add_block(blocks, n_blocks, hash ? hash : 1, length + more_length))
                return 0;
        }
    }
    return further == 0;
}

/* Whether the whole line is an answer, or a progress record with one, in the usual layout. */
static int answer_of(Bytes start, Bytes stop, int64_t latest, Record *r, int is_progress)
{
    Cursor c = {start, stop};
    if (start >= stop || !record_of(&c, r, is_progress) || !r->has_usage)
        return 0;
    if (r->model.n == 0 || IS(r->model, "<synthetic>") || r->session.p == NULL || !is_issued(&r->id) ||
        r->uuid.is_escaped)
        return 0;
    if (memcmp(r->id.p, "msg_bdrk_", 9) == 0 || memcmp(r->id.p, "msg_vrtx_", 9) == 0)
        r->flags |= FOREIGN;
    if (r->part_model.p != NULL &&
        (r->part_model.n != r->model.n || memcmp(r->part_model.p, r->model.p, (size_t)r->model.n) != 0))
        return 0;
    if (r->stamp.p == NULL || !moment(&r->stamp, &r->at) || r->at < FIRST_MS || r->at > latest)
        return 0;
    return 1;
}

/* -- messages that nothing is merged with: `PlainMessages` of model/usage/plain_messages.py ------------------------ */

/* Append what was just made, which is then the list's alone. */
static int append(PyObject *list, PyObject *made)
{
    int done = made != NULL && PyList_Append(list, made) == 0;
    Py_XDECREF(made);
    return done;
}

static void set_to(PyObject **held, PyObject *made)
{
    Py_XDECREF(*held);
    *held = made;
}

/* Grow an array that has no room for n more items: 1; 0 with an exception. */
static int has_room_for(void **items, size_t *room, size_t used, size_t n, size_t size)
{
    const size_t more = *room * 2 > used + n ? *room * 2 : used + n + 64;
    void *made;
    if (used + n <= *room)
        return 1;
    made = more > PY_SSIZE_T_MAX / size ? NULL : PyMem_Realloc(*items, more * size);
    if (made == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    *items = made;
    *room = more;
    return 1;
}

static uint32_t *index_place(const Plains *plains, uint64_t identity)
{
    size_t i = (size_t)(identity * 0x9E3779B97F4A7C15ULL >> 20) & (plains->n_index - 1);
    while (plains->index[i] != 0 && plains->items[plains->index[i] - 1].identity != identity)
        i = (i + 1) & (plains->n_index - 1);
    return &plains->index[i];
}

/* The message with an identity; NULL if there is none. */
static Plain *plain_with(const Plains *plains, uint64_t identity)
{
    const uint32_t place = plains->n_index ? *index_place(plains, identity) : 0;
    return place != 0 && plains->items[place - 1].is_there ? &plains->items[place - 1] : NULL;
}

/* Build the index of the first n items: 1; 0 with an exception. */
static int make_index(Plains *plains, size_t n)
{
    size_t room = 1 << 8;
    uint32_t *made;
    while (room < n * 4)
        room *= 2;
    made = n < UINT32_MAX / 4 ? PyMem_Calloc(room, sizeof *made) : NULL;
    if (made == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    PyMem_Free(plains->index);
    plains->index = made;
    plains->n_index = room;
    for (size_t i = 0; i < n; i++)
        *index_place(plains, plains->items[i].identity) = (uint32_t)i + 1;
    return 1;
}

/* Add the last item to the index: 1; 0 with an exception. */
static int enter(Plains *plains)
{
    if (plains->n * 2 > plains->n_index) {
        if (!make_index(plains, plains->n))
            return 0;
    }
    else
        *index_place(plains, plains->items[plains->n - 1].identity) = (uint32_t)plains->n;
    plains->n_there++;
    return 1;
}

/* Append an empty message with room for n_texts bytes of texts; NULL with an exception. */
static Plain *new_plain(Plains *plains, size_t n_texts)
{
    Plain *one;
    if (!has_room_for((void **)&plains->items, &plains->room, plains->n, 1, sizeof *one) ||
        !has_room_for((void **)&plains->texts, &plains->texts_room, plains->n_texts, n_texts, 1))
        return NULL;
    one = &plains->items[plains->n++];
    memset(one, 0, sizeof *one);
    one->texts = plains->n_texts;
    return one;
}

/* Find the place of a value in a table, to which it is added if it is new: 1; 0 with an exception. Takes the value. */
static int find_value(Plains *plains, int table, PyObject *value, uint32_t *place)
{
    PyObject *known = PyDict_GetItemWithError(plains->known, value);
    int done = !PyErr_Occurred();
    if (known != NULL)
        *place = (uint32_t)PyLong_AsUnsignedLong(known);
    else if (done) {
        PyObject *number = PyLong_FromSsize_t(PyList_Size(plains->table[table]));
        done = number != NULL && PyDict_SetItem(plains->known, value, number) == 0 &&
               PyList_Append(plains->table[table], value) == 0;
        *place = done ? (uint32_t)PyLong_AsUnsignedLong(number) : 0;
        Py_XDECREF(number);
    }
    Py_DECREF(value);
    return done;
}

static PyObject *stop_of(const Plain *one)
{
    return one->stop_at == NO_TIME ? Py_NewRef(Py_None) : PyLong_FromLongLong(one->stop_at);
}

static PyObject *request_of(const Plains *plains, const Plain *one)
{
    return PyUnicode_DecodeUTF8((const char *)plains->texts + one->texts, (Py_ssize_t)one->n_request, NULL);
}

static PyObject *noted_blocks(const Plains *plains, const Plain *one)
{
    const char *start = (const char *)plains->texts + one->texts + one->n_request;
    return one->n_blocks == 0 ? Py_NewRef(Py_None) : PyBytes_FromStringAndSize(start, (Py_ssize_t)one->n_blocks);
}

static PyObject *named(const Plains *plains, const Plain *one, int table)
{
    return Py_XNewRef(PyList_GetItem(plains->table[table], (Py_ssize_t)one->place[table]));
}

/* Make a tuple of n new references, and own them. NULL if one of them is NULL. */
static PyObject *tuple_of(PyObject **made, int n)
{
    PyObject *tuple = PyTuple_New(n);
    int done = tuple != NULL;
    for (int i = 0; i < n; i++) {
        done = done && made[i] != NULL;
        if (tuple == NULL || made[i] == NULL || PyTuple_SetItem(tuple, i, made[i]) < 0)
            Py_XDECREF(tuple == NULL ? made[i] : NULL);
    }
    if (!done)
        Py_CLEAR(tuple);
    return tuple;
}

/* A message as a PlainMessage of model/usage/messages.py. */
static PyObject *plain_tuple(const Plains *plains, const Plain *one)
{
    PyObject *made[PLAIN_FIELDS];
    int n = 0;
    made[n++] = PyLong_FromUnsignedLongLong(one->identity);
    made[n++] = PyLong_FromLongLong(one->at);
    for (int i = 0; i < 6; i++)
        made[n++] = PyLong_FromUnsignedLongLong(one->counts[i]);
    made[n++] = PyLong_FromLongLong(one->chosen_at);
    made[n++] = named(plains, one, IN_ORIGINS);
    made[n++] = request_of(plains, one);
    made[n++] = named(plains, one, IN_SESSIONS);
    made[n++] = PyLong_FromLong(one->flags);
    made[n++] = PyLong_FromLongLong(one->last_at);
    made[n++] = stop_of(one);
    made[n++] = PyLong_FromUnsignedLongLong(one->mark);
    made[n++] = noted_blocks(plains, one);
    made[n++] = named(plains, one, IN_WAYS);
    return tuple_of(made, n);
}

static PyTypeObject *plains_type, *identities_type; /* while the module is loaded */

/* -- what becomes of it ---------------------------------------------------------------------------------------- */

/* Take the backslashes away that is_fit allows; returns how many bytes are left. */
static size_t unescape(const Text *said, char *plain)
{
    size_t n = 0;
    for (Py_ssize_t i = 0; i < said->n; i++) {
        if (said->p[i] == '\\')
            i++;
        plain[n++] = (char)said->p[i];
    }
    return n;
}

static PyObject *string(const Making *m, const Text *said)
{
    char plain[LONGEST_ESCAPED];
    if (said->n == 0)
        return Py_NewRef(m->empty);
    if (!said->is_escaped)
        return PyUnicode_DecodeUTF8((const char *)said->p, said->n, NULL);
    return PyUnicode_DecodeUTF8(plain, (Py_ssize_t)unescape(said, plain), NULL);
}

/* A fingerprint of an id: `hashed` of records.py. */
static uint64_t fingerprint(const Text *id)
{
    uint64_t h = 0;
    for (Py_ssize_t i = 0; i < id->n; i++) {
        h = ((h & ((1ULL << 53) - 1)) << 8) + (h >> 53) + id->p[i]; /* times 256, modulo 2^61 - 1 */
        if (h >= PRIME)
            h -= PRIME;
    }
    return h;
}

/* Find the place of n texts (and one object more), as a tuple, in a table of the batch: 1; 0 with an exception. */
static int find_tuple(Making *m, Recent *recent, int table, const Text *texts, int n, PyObject *more, uint32_t *place)
{
    PyObject *made;
    for (int k = 0; k < recent->n; k++) {
        int i = 0;
        while (i < n && is_same(&texts[i], &recent->texts[k][i]))
            i++;
        if (i == n) {
            *place = recent->places[k];
            return 1;
        }
    }
    made = PyTuple_New(n + (more != NULL));
    if (made == NULL)
        return 0;
    for (int i = 0; i < n; i++) {
        PyObject *one = string(m, &texts[i]);
        if (one == NULL || PyTuple_SetItem(made, i, one) < 0) {
            Py_DECREF(made);
            return 0;
        }
    }
    if (more != NULL)
        PyTuple_SetItem(made, n, Py_NewRef(more));
    if (!find_value(m->plains, table, made, place))
        return 0;
    memcpy(recent->texts[recent->next], texts, (size_t)n * sizeof *texts);
    recent->places[recent->next] = *place;
    recent->next = (recent->next + 1) % RECENT;
    if (recent->n < RECENT)
        recent->n++;
    return 1;
}

/* Put what the messages of a session say of it among what was made: (session, first moment, last, leaf or None). */
static int end_session(Making *m)
{
    PyObject *leaf, *item;
    int done;
    if (!m->has_session)
        return 1;
    if (m->leaf.n > 0) {
        PyObject *id = string(m, &m->leaf);
        leaf = id ? Py_BuildValue("(LN)", (long long)m->leaf_at, id) : NULL;
    }
    else
        leaf = Py_NewRef(Py_None);
    item = leaf ? Py_BuildValue("(OLLN)", m->session, (long long)m->first, (long long)m->last, leaf) : NULL;
    done = item != NULL && PyList_Append(m->made, item) == 0;
    Py_XDECREF(item);
    m->has_session = 0;
    return done;
}

/* Find the session of the message that is held, with the message's part in its first and last moment and leaf. */
static int note_in_session(Making *m, const Held *held)
{
    if (!m->has_session || !is_same(&m->session_text, &held->record.session)) {
        PyObject *made;
        if (!end_session(m) || (made = string(m, &held->record.session)) == NULL)
            return 0;
        set_to(&m->session, made);
        if (!find_value(m->plains, IN_SESSIONS, Py_NewRef(made), &m->session_place))
            return 0;
        m->session_text = held->record.session;
        m->has_session = 1;
        m->first = held->first;
        m->last = held->last;
        m->leaf.n = 0;
    }
    if (held->first < m->first)
        m->first = held->first;
    if (held->last > m->last)
        m->last = held->last;
    if (held->leaf.n > 0 && (m->leaf.n == 0 || held->leaf_at > m->leaf_at ||
                             (held->leaf_at == m->leaf_at && is_before(&m->leaf, &held->leaf)))) {
        m->leaf = held->leaf;
        m->leaf_at = held->leaf_at;
    }
    return 1;
}

/* Whether an identity is among those of a dictionary: 1 or 0; -1 with an exception. */
static int is_key(PyObject *dictionary, uint64_t identity)
{
    PyObject *key = PyDict_Size(dictionary) > 0 ? PyLong_FromUnsignedLongLong(identity) : NULL;
    int found = key ? PyDict_Contains(dictionary, key) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(key);
    return found;
}

/* Keep the last plain message if its identity is new in the batch; otherwise move it to the list that `scan` returns. */
static int hand_over(Making *m)
{
    Plain *one = &m->plains->items[m->plains->n - 1];
    const Plain *before = plain_with(m->plains, one->identity);
    int is_known = before != NULL ? 1 : is_key(m->messages, one->identity);
    if (is_known == 0)
        is_known = is_key(m->fragments, one->identity);
    if (is_known == 0)
        return enter(m->plains);
    if (is_known > 0 && append(m->made, plain_tuple(m->plains, one))) {
        m->plains->n--;
        m->plains->n_texts = (size_t)one->texts;
        return 1;
    }
    return 0;
}

static int hand_back(Making *m, int how, Bytes start, Bytes stop)
{
    PyObject *item = Py_BuildValue("(inn)", how, (Py_ssize_t)(start - m->block), (Py_ssize_t)(stop - m->block));
    int done = item != NULL && PyList_Append(m->made, item) == 0;
    Py_XDECREF(item);
    return done;
}

/* Hand over the message that was held: a PlainMessage of model/usage/messages.py. Its lines are handed back if their content,
   which only matters where none has a stop reason, is odd. */
static int let_go(Making *m, Held *held)
{
    const Record *r = &held->record;
    Block found[MOST_BLOCKS];
    unsigned char *texts;
    Plain *one;
    uint32_t origin, way;
    int done = 1, n_blocks = 0;
    if (!held->is_there)
        return 1;
    held->is_there = 0;
    for (int i = 0; done && held->stop_at == NO_TIME && i < held->n_lines; i++)
        done = blocks_of(&held->lines[i], found, &n_blocks);
    if (!done) {
        done = 1;
        for (int i = 0; done && i < held->n_lines; i++)
            done = hand_back(m, READ, held->lines[i].start, held->lines[i].stop);
        return done;
    }
    if (!note_in_session(m, held) || !find_tuple(m, &m->origins, IN_ORIGINS, &r->model, 8, m->folder, &origin) ||
        !find_tuple(m, &m->ways, IN_WAYS, held->way, WAYS, NULL, &way) ||
        (one = new_plain(m->plains, (size_t)held->request.n + 8 * (size_t)n_blocks)) == NULL)
        return 0;
    one->identity = fingerprint(&r->id);
    one->at = held->first;
    memcpy(one->counts, held->counts, sizeof one->counts);
    one->chosen_at = r->at;
    one->last_at = held->last;
    one->stop_at = held->stop_at;
    one->mark = held->mark.n > 0 ? fingerprint(&held->mark) : 0;
    one->place[IN_ORIGINS] = origin;
    one->place[IN_SESSIONS] = m->session_place;
    one->place[IN_WAYS] = way;
    one->flags = (uint8_t)r->flags;
    one->is_there = 1;
    texts = m->plains->texts + one->texts;
    one->n_request = (uint32_t)unescape(&held->request, (char *)texts);
    one->n_blocks = (uint16_t)(8 * n_blocks);
    for (int i = 0; i < n_blocks; i++)
        for (int j = 0; j < 4; j++) { /* little-endian on every machine */
            texts[one->n_request + 8 * i + j] = (unsigned char)(found[i].key >> (8 * j));
            texts[one->n_request + 8 * i + 4 + j] = (unsigned char)(found[i].length >> (8 * j));
        }
    m->plains->n_texts = (size_t)one->texts + one->n_request + one->n_blocks;
    return hand_over(m);
}

/* Whether a later line with the id of the held message can be of the same answer: `is_continued_by` of pending_message.py. */
static int goes_on(const Held *held, const Record *r, const uint64_t *counts)
{
    if (held->request.n > 0 && r->request.n > 0 && !is_same(&held->request, &r->request))
        return 0;
    if (r->at - held->first > LONGEST_ANSWER_MS)
        return 0;
    if (r->stop.n > 0) {
        if (r->at < held->last)
            return 0;
        for (int i = 0; i < 6; i++)
            if (counts[i] < held->counts[i])
                return 0;
    }
    return held->stop_at == NO_TIME ||
           (r->at <= held->stop_at + LONGEST_AFTER_STOP_MS && memcmp(counts, held->counts, 6 * sizeof *counts) == 0);
}

/* Take in the way of a line; false where it differs from that of the lines before, which the batch then joins. */
static int note_way(Held *held, const Record *r)
{
    for (int i = 0; i < WAYS; i++)
        if (r->way[i].n > 0 && held->way[i].n > 0 && !is_same(&r->way[i], &held->way[i]))
            return 0;
    for (int i = 0; i < WAYS; i++)
        if (r->way[i].n > 0)
            held->way[i] = r->way[i];
    return 1;
}

/* Take in the end of an answer, or a line without one; false where there is no room for it. */
static int note_end(Held *held, const Record *r, Bytes start, Bytes stop)
{
    if (r->stop.n > 0) {
        if (r->at < held->stop_at)
            held->stop_at = r->at;
        return 1;
    }
    if (held->stop_at == NO_TIME) {
        Line *line = &held->lines[held->n_lines];
        if (held->n_lines == MOST_LINES)
            return 0;
        line->start = start;
        line->stop = stop;
        line->content = r->content;
        line->content_end = r->content_end;
        line->is_final = writes_final_counts(&r->version);
        held->n_lines++;
    }
    return 1;
}

/* Take in an answer: another line of the message that is held, or one that is held from now on. */
static int note(Making *m, Held *held, const Record *r, Bytes start, Bytes stop)
{
    uint64_t five = r->written;
    if (r->has_split)
        five = r->written > r->hour && r->written - r->hour > r->five ? r->written - r->hour : r->five;
    const uint64_t counts[6] = {r->input, r->output, five, r->hour, r->read, r->searches};
    if (held->is_there && is_same(&r->id, &held->record.id) && r->at > held->record.at &&
        r->flags == held->record.flags && is_same(&r->session, &held->record.session) && goes_on(held, r, counts) &&
        note_way(held, r) && note_end(held, r, start, stop)) {
        if (r->request.n > 0)
            held->request = r->request;
        for (int i = 0; i < 6; i++)
            if (counts[i] > held->counts[i])
                held->counts[i] = counts[i];
        if (r->at > held->last)
            held->last = r->at;
        if (r->uuid.n > 0 && (held->leaf.n == 0 || r->at > held->leaf_at ||
                              (r->at == held->leaf_at && is_before(&held->leaf, &r->uuid)))) {
            held->leaf = r->uuid;
            held->leaf_at = r->at;
        }
        if (r->output > held->record.output) /* what was said first wins where the output is the same */
            held->record = *r;
        return 1;
    }
    if (!let_go(m, held))
        return 0;
    held->record = *r;
    memcpy(held->way, r->way, sizeof held->way);
    held->first = held->last = held->leaf_at = r->at;
    held->leaf = held->mark = r->uuid;
    held->request = r->request;
    held->stop_at = NO_TIME;
    held->n_lines = 0;
    note_end(held, r, start, stop);
    memcpy(held->counts, counts, sizeof counts);
    held->is_there = 1;
    return 1;
}

/* -- lines ----------------------------------------------------------------------------------------------------- */

#define TYPE "\"type\":\""
#define TYPE_LENGTH 8

/* Where the value of a line's own `type` begins, or NULL where that is not certain: see decode.py. */
static Bytes head_kind(Bytes start, Bytes stop)
{
    Bytes brace = memchr(start + 1, '{', (size_t)(stop - start - 1));
    Bytes limit = brace ? brace : stop;
    for (Bytes p = start; limit - p >= TYPE_LENGTH; p++) {
        p = memchr(p, '"', (size_t)(limit - p - TYPE_LENGTH + 1));
        if (p == NULL)
            return NULL;
        if (memcmp(p, TYPE, TYPE_LENGTH) == 0)
            return p + TYPE_LENGTH;
    }
    return NULL;
}

static Bytes tail_kind(Bytes start, Bytes stop)
{
    for (Bytes p = stop - TYPE_LENGTH; p >= start; p--) {
        while (p - start >= 8 && !(has(eight(p - 7), '"') | has(eight(p - 7), '{') | has(eight(p - 7), '}')))
            p -= 8;
        if (*p == '{' || (*p == '}' && p != stop - 1))
            return NULL; /* a brace between it and the end: it may stand inside another object */
        if (*p == '"' && memcmp(p, TYPE, TYPE_LENGTH) == 0) {
            p += TYPE_LENGTH;
            return memchr(p, '}', (size_t)(stop - p)) == stop - 1 && memchr(p, '{', (size_t)(stop - p)) == NULL ? p
                                                                                                                 : NULL;
        }
    }
    return NULL;
}

#define BEGINS(p, stop, word) ((stop) - (p) >= (Py_ssize_t)sizeof(word) - 1 && memcmp(p, word, sizeof(word) - 1) == 0)

/* Whether a line contains a word of n bytes. `at`: the place in the word of its rarest byte, which is looked for. */
static int contains(Bytes start, Bytes stop, const char *word, Py_ssize_t n, Py_ssize_t at)
{
    for (Bytes p = start + at; stop - p >= n - at; p++) {
        p = memchr(p, word[at], (size_t)(stop - p - (n - at) + 1));
        if (p == NULL)
            return 0;
        if (memcmp(p - at, word, (size_t)n) == 0)
            return 1;
    }
    return 0;
}

/* Whether a line may be the command /clear: `is_clear_line` of line_scan.py. */
static int may_clear(Bytes start, Bytes stop)
{
    return stop - start < LONGEST_CLEAR && contains(start, stop, CLEAR_NEEDLE, sizeof CLEAR_NEEDLE - 1, 0);
}

/* Hand back an answer that starts subagents and names their type. */
static int note_spawns(Making *m, const Record *r, Bytes start, Bytes stop)
{
    return !r->spawns || !contains(start, stop, SUBAGENT_NEEDLE, sizeof SUBAGENT_NEEDLE - 1, 9) ||
           hand_back(m, SPAWN, start, stop);
}

/* Hand back a progress record with the prompt of a subagent; the records that follow it repeat that prompt. */
static int note_subagent(Making *m, const Record *r, Bytes start, Bytes stop)
{
    if (r->agent.n == 0 || r->prompt.n == 0)
        return 1;
    for (int i = 0; i < RECENT; i++)
        if (m->prompts[i][0].p != NULL && is_same(&m->prompts[i][0], &r->session) &&
            is_same(&m->prompts[i][1], &r->agent) && is_same(&m->prompts[i][2], &r->prompt))
            return 1;
    m->prompts[m->next_prompt][0] = r->session;
    m->prompts[m->next_prompt][1] = r->agent;
    m->prompts[m->next_prompt][2] = r->prompt;
    m->next_prompt = (m->next_prompt + 1) % RECENT;
    return hand_back(m, SUBAGENT, start, stop);
}

static int read_lines(Making *m, Bytes block, Py_ssize_t length, long looks, int64_t latest)
{
    Held held;
    Record record;
    Bytes start = block, end = block + length, stop, kind;
    int done = 1;
    m->block = block;
    held.is_there = 0;
    for (; start < end && done; start = stop + 1) {
        stop = memchr(start, '\n', (size_t)(end - start));
        if (stop == NULL)
            stop = end;
        if (stop == start)
            continue;
        kind = tail_kind(start, stop);
        if (kind == NULL)
            kind = head_kind(start, stop);
        if (kind == NULL)
            done = hand_back(m, UNCERTAIN, start, stop);
        else if (BEGINS(kind, stop, "assistant\"")) {
            if (answer_of(start, stop, latest, &record, 0))
                done = note(m, &held, &record, start, stop) && note_spawns(m, &record, start, stop);
            else
                done = hand_back(m, READ, start, stop);
        }
        else if (BEGINS(kind, stop, "user\"")) {
            if (looks > 0) {
                looks--;
                done = hand_back(m, PROMPT, start, stop);
            }
            if (done && may_clear(start, stop))
                done = hand_back(m, CLEAR, start, stop);
        }
        else if (BEGINS(kind, stop, "system\"")) {
            if (may_clear(start, stop))
                done = hand_back(m, CLEAR, start, stop);
        }
        else if (BEGINS(kind, stop, "progress\"")) {
            if (!contains(start, stop, USAGE_NEEDLE, sizeof USAGE_NEEDLE - 1, 4))
                continue;
            /* calls of further subagents are found where the patient way looks, in the whole record */
            if (answer_of(start, stop, latest, &record, 1) && !record.spawns)
                done = note(m, &held, &record, start, stop) && note_subagent(m, &record, start, stop);
            else
                done = hand_back(m, READ, start, stop);
        }
        else if (BEGINS(kind, stop, "pr-link\"") || BEGINS(kind, stop, "ai-title\"") ||
                 BEGINS(kind, stop, "custom-title\"") || BEGINS(kind, stop, "summary\"") ||
                 BEGINS(kind, stop, "cost-state\""))
            done = hand_back(m, READ, start, stop);
    }
    return done && let_go(m, &held) && end_session(m);
}

static PyObject *scan(PyObject *self, PyObject *arguments)
{
    Py_buffer buffer;
    Making making = {0};
    PyObject *block;
    Py_ssize_t end;
    long looks;
    long long latest;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "OnUlLO!O!O!", &block, &end, &making.folder, &looks, &latest, plains_type,
                          &making.plains, &PyDict_Type, &making.messages, &PyDict_Type, &making.fragments))
        return NULL;
    if (PyObject_GetBuffer(block, &buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    making.made = PyList_New(0);
    making.empty = PyUnicode_FromStringAndSize("", 0);
    if (making.made && making.empty &&
        !read_lines(&making, buffer.buf, end < buffer.len ? (end < 0 ? 0 : end) : buffer.len, looks, latest))
        Py_CLEAR(making.made);
    Py_XDECREF(making.session);
    Py_XDECREF(making.empty);
    PyBuffer_Release(&buffer);
    return making.made;
}

/* -- the type PlainMessages ------------------------------------------------------------------------------------ */

static Py_ssize_t plains_size(PyObject *self)
{
    return (Py_ssize_t)((Plains *)self)->n_there;
}

/* Load what `dump` returned: 1; 0 with an exception, also for bytes of another form. */
static int load(Plains *plains, const char *items, size_t n_items, const char *texts, size_t n_texts)
{
    const size_t n = n_items / sizeof(Plain);
    int good = n_items % sizeof(Plain) == 0 && n < UINT32_MAX;
    if (!has_room_for((void **)&plains->items, &plains->room, 0, n, sizeof(Plain)) ||
        !has_room_for((void **)&plains->texts, &plains->texts_room, 0, n_texts, 1))
        return 0;
    if (n > 0)
        memcpy(plains->items, items, n * sizeof(Plain));
    if (n_texts > 0)
        memcpy(plains->texts, texts, n_texts);
    plains->n_texts = n_texts;
    for (size_t i = 0; good && i < n; i++) {
        const Plain *one = &plains->items[i];
        good = one->texts <= n_texts && (size_t)one->n_request + one->n_blocks <= n_texts - one->texts;
        for (int table = 0; table < TABLES; table++)
            good = good && (Py_ssize_t)one->place[table] < PyList_Size(plains->table[table]);
        plains->n_there += good && one->is_there;
    }
    if (!good && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "messages of another form");
    plains->n = good ? n : 0;
    return good && make_index(plains, n);
}

static PyObject *plains_new(PyTypeObject *type, PyObject *arguments, PyObject *ignored)
{
    const char *items = "", *texts = "";
    Py_ssize_t n_items = 0, n_texts = 0;
    PyObject *table[TABLES] = {NULL};
    Plains *plains;
    (void)ignored;
    if (!PyArg_ParseTuple(arguments, "|y#y#O!O!O!", &items, &n_items, &texts, &n_texts, &PyList_Type, &table[0], &PyList_Type,
                          &table[1], &PyList_Type, &table[2]) ||
        (plains = (Plains *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0)) == NULL)
        return NULL;
    plains->known = PyDict_New();
    for (int i = 0; i < TABLES; i++)
        plains->table[i] = table[i] ? Py_NewRef(table[i]) : PyList_New(0);
    if (PyErr_Occurred() || (n_items > 0 && !load(plains, items, (size_t)n_items, texts, (size_t)n_texts)))
        Py_CLEAR(plains);
    return (PyObject *)plains;
}

static void plains_end(PyObject *self)
{
    Plains *plains = (Plains *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(plains->items);
    PyMem_Free(plains->texts);
    PyMem_Free(plains->index);
    Py_XDECREF(plains->known);
    for (int i = 0; i < TABLES; i++)
        Py_XDECREF(plains->table[i]);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *plains_pop(PyObject *self, PyObject *identity)
{
    Plains *plains = (Plains *)self;
    const uint64_t asked = PyLong_AsUnsignedLongLong(identity);
    Plain *one = PyErr_Occurred() ? NULL : plain_with(plains, asked);
    PyObject *made = one ? plain_tuple(plains, one) : PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    if (one != NULL && made != NULL) {
        one->is_there = 0;
        plains->n_there--;
    }
    return made;
}

static int is_among(PyObject *identities, uint64_t identity);

/* Take out the messages with identities in a set, or all (None). */
static PyObject *plains_take(PyObject *self, PyObject *identities)
{
    Plains *plains = (Plains *)self;
    PyObject *made = PyList_New(0);
    for (size_t i = 0; made != NULL && i < plains->n; i++) {
        int is_asked = plains->items[i].is_there;
        if (is_asked && identities != Py_None)
            is_asked = is_among(identities, plains->items[i].identity);
        if (is_asked < 0 || (is_asked && !append(made, plain_tuple(plains, &plains->items[i]))))
            Py_CLEAR(made);
        else if (is_asked && plains->items[i].is_there) {
            plains->items[i].is_there = 0;
            plains->n_there--;
        }
    }
    return made;
}

/* The values of a table that messages name by place, None in the places of others. */
static PyObject *used_of(const Plains *plains, int table)
{
    const Py_ssize_t n = PyList_Size(plains->table[table]);
    PyObject *made = PyList_New(n);
    for (Py_ssize_t i = 0; made != NULL && i < n; i++)
        PyList_SetItem(made, i, Py_NewRef(Py_None));
    for (size_t i = 0; made != NULL && i < plains->n; i++) {
        const Plain *one = &plains->items[i];
        const int is_again = i > 0 && plains->items[i - 1].is_there && plains->items[i - 1].place[table] == one->place[table];
        PyObject *value = one->is_there && !is_again ? named(plains, one, table) : NULL;
        if (value != NULL)
            PyList_SetItem(made, (Py_ssize_t)one->place[table], value);
    }
    if (PyErr_Occurred())
        Py_CLEAR(made);
    return made;
}

static PyObject *plains_tables(PyObject *self, PyObject *ignored)
{
    PyObject *made[TABLES];
    (void)ignored;
    for (int i = 0; i < TABLES; i++)
        made[i] = used_of((Plains *)self, i);
    return tuple_of(made, TABLES);
}

static PyObject *plains_dump(PyObject *self, PyObject *ignored)
{
    const Plains *plains = (Plains *)self;
    (void)ignored;
    return Py_BuildValue("(y#y#OOO)", plains->n ? (const char *)plains->items : "", (Py_ssize_t)(plains->n * sizeof(Plain)),
                         plains->n_texts ? (const char *)plains->texts : "", (Py_ssize_t)plains->n_texts, plains->table[0],
                         plains->table[1], plains->table[2]);
}

static PyMethodDef plains_methods[] = {
    {"pop", plains_pop, METH_O, "Take out the message with an identity; None if there is none."},
    {"take", plains_take, METH_O, "Take out the messages with identities in a set, or all (None)."},
    {"tables", plains_tables, METH_NOARGS, "Origins, sessions and ways that the messages have."},
    {"dump", plains_dump, METH_NOARGS, "Values of which the type makes the same messages again."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot plains_slots[] = {
    {Py_tp_new, plains_new},
    {Py_tp_dealloc, plains_end},
    {Py_tp_methods, plains_methods},
    {Py_sq_length, plains_size},
    {0, NULL},
};
static PyType_Spec plains_spec = {"tachograph.sources.transcripts._scan.PlainMessages", sizeof(Plains), 0, Py_TPFLAGS_DEFAULT,
                                  plains_slots};

/* -- the rows that a first pass wrote: ledger/usage/kept_rows.py ------------------------------------------------ */

/* Values of a row of `answer` that decide its place among the totals and its pull request, in the order in which the
   places of their columns are given. */
enum {
    ROW_ID, ROW_IDENTITY, ROW_AT, ROW_INPUT, ROW_OUTPUT, ROW_FIVE, ROW_HOUR, ROW_CACHED, ROW_SEARCHES, ROW_LOGGED, ROW_ORIGIN,
    ROW_SESSION, ROW_FLAGS, ROW_ACCOUNT, ROW_PULL, ROW_BILLED, ROW_BY_BRANCH, ROW_UNFINISHED, ROW_MISSING, ROW_WAY,
    ROW_VALUES
};
#define COUNTS 5           /* of tokens, from ROW_INPUT on */
#define CHUNK 4096         /* rows that are allocated at once */
#define MOST_ROWS (1 << 26)
#define QUARTER_MS 900000  /* ledger/usage/messages.py */
#define UNKNOWN_BUCKET (-1000000000LL)
#define ORIGIN_VALUES 4    /* model, tariff of a short prompt, place, branch */
#define KEY_VALUES 11      /* columns of `rollup` before its measures */
#define HOUR_VALUES 3      /* of `hour` */
#define MEASURES 11
#define FIRST_TIER 100000  /* model/usage/prices.py */
#define SECOND_TIER 200000

typedef struct { /* small, since a ledger may have a million: what is larger is not held here */
    int64_t at, identity;
    uint32_t tokens[COUNTS];
    uint32_t origin, session, pull;
    int32_t rare; /* place among the rare values, -1 for none */
    uint16_t account, way;
    uint8_t is_there, flags, billed, by_branch, unfinished;
} KeptRow;

typedef struct {
    int64_t searches, logged, missing; /* `logged` is -1 for none */
} Rare;

typedef struct { /* ids of the rows of a session; a row that went to another session stays, and is passed over */
    uint32_t *ids;
    size_t room;
    uint32_t n;
    int is_sorted;
} OfSession;

typedef struct {
    PyObject_HEAD
    Py_ssize_t places[ROW_VALUES]; /* of the values in a row */
    KeptRow **chunks;
    Rare *rare;
    OfSession *sessions; /* by id */
    Py_ssize_t n_chunks, n_sessions;
    size_t n_rare, rare_room;
    int is_whole; /* 0 since a value came that is not held here */
} Rows;

static KeptRow *row_at(const Rows *rows, Py_ssize_t id)
{
    Py_ssize_t chunk = id / CHUNK;
    return id < 0 || chunk >= rows->n_chunks || rows->chunks[chunk] == NULL ? NULL : &rows->chunks[chunk][id % CHUNK];
}

static KeptRow *made_row(Rows *rows, Py_ssize_t id)
{
    Py_ssize_t chunk = id / CHUNK;
    if (chunk >= rows->n_chunks) {
        Py_ssize_t n = chunk + 64;
        KeptRow **more = PyMem_Realloc(rows->chunks, (size_t)n * sizeof *more);
        if (more == NULL)
            return NULL;
        memset(more + rows->n_chunks, 0, (size_t)(n - rows->n_chunks) * sizeof *more);
        rows->chunks = more;
        rows->n_chunks = n;
    }
    if (rows->chunks[chunk] == NULL && (rows->chunks[chunk] = PyMem_Calloc(CHUNK, sizeof(KeptRow))) == NULL)
        return NULL;
    return &rows->chunks[chunk][id % CHUNK];
}

/* The largest value that is held. */
static int64_t most_of(int value)
{
    switch (value) {
    case ROW_ID:
    case ROW_ORIGIN:
    case ROW_SESSION:
        return MOST_ROWS - 1;
    case ROW_SEARCHES:
    case ROW_LOGGED:
    case ROW_MISSING:
        return INT64_MAX;
    case ROW_ACCOUNT:
    case ROW_WAY:
        return UINT16_MAX;
    case ROW_FLAGS:
    case ROW_BILLED:
    case ROW_BY_BRANCH:
        return UINT8_MAX;
    default:
        return UINT32_MAX;
    }
}

/* Room for something of each origin or session, by id, all 0 at first: 1; 0 without memory. */
static int has_room(void **room, Py_ssize_t *n, uint32_t id, size_t size)
{
    Py_ssize_t more = (Py_ssize_t)id + 1024;
    char *made;
    if (id < *n)
        return 1;
    made = id < MOST_ROWS ? PyMem_Realloc(*room, (size_t)more * size) : NULL;
    if (made == NULL)
        return 0;
    memset(made + (size_t)*n * size, 0, (size_t)(more - *n) * size);
    *room = made;
    *n = more;
    return 1;
}

static int note_session(Rows *rows, uint32_t id, uint32_t session)
{
    OfSession *of;
    if (!has_room((void **)&rows->sessions, &rows->n_sessions, session, sizeof *of))
        return 0;
    of = &rows->sessions[session];
    if (!has_room_for((void **)&of->ids, &of->room, of->n, 1, sizeof *of->ids))
        return 0;
    of->ids[of->n++] = id;
    of->is_sorted = 0;
    return 1;
}

/* Read the values of a row: 1; 0 with an exception where one is no number of 64 bits. */
static int read_row(const Rows *rows, PyObject *row, int64_t *value)
{
    for (int i = 0; i < ROW_VALUES; i++) {
        PyObject *said = PyTuple_GetItem(row, rows->places[i]);
        if (said == NULL)
            return 0;
        if (said == Py_None)
            value[i] = i == ROW_AT ? NO_TIME : i == ROW_LOGGED ? -1 : 0;
        else if ((value[i] = PyLong_AsLongLong(said)) == -1 && PyErr_Occurred())
            return 0;
    }
    return 1;
}

/* Keep the values of a row: 1; 0 where one is out of bounds, and with an exception where there is no memory. */
static int keep(Rows *rows, const int64_t *value)
{
    KeptRow *kept;
    for (int i = 0; i < ROW_VALUES; i++)
        if (i != ROW_AT && i != ROW_IDENTITY && (value[i] < (i == ROW_LOGGED ? -1 : 0) || value[i] > most_of(i)))
            return 0;
    kept = made_row(rows, (Py_ssize_t)value[ROW_ID]);
    if (kept == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    if ((!kept->is_there || kept->session != value[ROW_SESSION] || kept->at != value[ROW_AT]) &&
        !note_session(rows, (uint32_t)value[ROW_ID], (uint32_t)value[ROW_SESSION])) {
        PyErr_NoMemory();
        return 0;
    }
    kept->at = value[ROW_AT];
    kept->identity = value[ROW_IDENTITY];
    for (int i = 0; i < COUNTS; i++)
        kept->tokens[i] = (uint32_t)value[ROW_INPUT + i];
    kept->origin = (uint32_t)value[ROW_ORIGIN];
    kept->session = (uint32_t)value[ROW_SESSION];
    kept->account = (uint16_t)value[ROW_ACCOUNT];
    kept->pull = (uint32_t)value[ROW_PULL];
    kept->way = (uint16_t)value[ROW_WAY];
    kept->flags = (uint8_t)value[ROW_FLAGS];
    kept->billed = (uint8_t)value[ROW_BILLED];
    kept->by_branch = (uint8_t)value[ROW_BY_BRANCH];
    kept->unfinished = value[ROW_UNFINISHED] != 0;
    kept->rare = -1;
    if (value[ROW_SEARCHES] != 0 || value[ROW_MISSING] != 0 || value[ROW_LOGGED] >= 0) {
        if (rows->n_rare == INT32_MAX ||
            !has_room_for((void **)&rows->rare, &rows->rare_room, rows->n_rare, 1, sizeof *rows->rare)) {
            PyErr_NoMemory();
            return 0;
        }
        rows->rare[rows->n_rare].searches = value[ROW_SEARCHES];
        rows->rare[rows->n_rare].logged = value[ROW_LOGGED];
        rows->rare[rows->n_rare].missing = value[ROW_MISSING];
        kept->rare = (int32_t)rows->n_rare++;
    }
    kept->is_there = 1;
    return 1;
}

/* Keep a row unless one before was out of bounds; 0 with an exception without memory. */
static int keep_if_whole(Rows *rows, const int64_t *value)
{
    if (rows->is_whole && !keep(rows, value)) {
        if (PyErr_Occurred())
            return 0;
        rows->is_whole = 0;
    }
    return 1;
}

static PyObject *rows_put(PyObject *self, PyObject *many)
{
    Rows *rows = (Rows *)self;
    for (Py_ssize_t i = 0; i < PyList_Size(many); i++) { /* a number of a class of its own may change the list */
        PyObject *row = Py_NewRef(PyList_GetItem(many, i));
        int64_t value[ROW_VALUES];
        int done = 1;
        if (read_row(rows, row, value))
            done = keep_if_whole(rows, value);
        else if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
            PyErr_Clear();
            rows->is_whole = 0;
        }
        else
            done = 0;
        Py_DECREF(row);
        if (!done)
            return NULL;
    }
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* What Python knows of an origin: its id, whether its answers without output are billed, and the moment before which the
   same account and way follow from it for all messages of a session (NO_TIME: always; `FOLLOWS_NOTHING`: none do). */
typedef struct {
    int64_t id, billed_empty, until;
    PyObject *attributes; /* borrowed from what was given */
} OriginValues;
#define FOLLOWS_NOTHING INT64_MIN

#define NEW_VALUES 27 /* at most, of a new row */
enum { ACCOUNT, PRESUMED, UNFINISHED, MISSING, WHOLE_WAY, FOLLOWING };

typedef struct { /* a new row: what the message does not say itself */
    size_t item; /* its place among the messages */
    int64_t origin, session, own_way, billed, follows[FOLLOWING];
} NewRow;

typedef struct { /* iterates over new rows of one form, with the pull requests that they have by then */
    PyObject_HEAD
    Rows *rows;
    Plains *plains;
    NewRow *items;
    size_t n, room, done;
    int64_t first_id;
    int is_rare;
} NewRows;

static PyTypeObject *new_rows_type;

static NewRows *new_rows(PyObject *rows, PyObject *plains, int is_rare)
{
    NewRows *made = (NewRows *)((allocfunc)PyType_GetSlot(new_rows_type, Py_tp_alloc))(new_rows_type, 0);
    if (made != NULL) {
        made->rows = (Rows *)Py_NewRef(rows);
        made->plains = (Plains *)Py_NewRef(plains);
        made->is_rare = is_rare;
    }
    return made;
}

static void new_rows_end(PyObject *self)
{
    NewRows *new = (NewRows *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(new->items);
    Py_XDECREF((PyObject *)new->rows);
    Py_XDECREF((PyObject *)new->plains);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static Py_ssize_t new_rows_size(PyObject *self)
{
    return (Py_ssize_t)((NewRows *)self)->n;
}

static PyObject *new_rows_next(PyObject *self)
{
    NewRows *new = (NewRows *)self;
    const int64_t id = new->first_id + (int64_t)new->done;
    const NewRow *row = &new->items[new->done];
    const Plain *said;
    const KeptRow *kept;
    PyObject *made[NEW_VALUES];
    int n = 0;
    if (new->done >= new->n || row->item >= new->plains->n)
        return NULL;
    said = &new->plains->items[row->item];
    kept = row_at(new->rows, (Py_ssize_t)id);
    new->done++;
    made[n++] = PyLong_FromLongLong(id);
    made[n++] = PyLong_FromUnsignedLongLong(said->identity);
    made[n++] = PyLong_FromLongLong(said->at);
    for (int i = 0; i < COUNTS; i++)
        made[n++] = PyLong_FromUnsignedLongLong(said->counts[i]);
    made[n++] = PyLong_FromLongLong(row->origin);
    made[n++] = request_of(new->plains, said);
    made[n++] = PyLong_FromLongLong(row->session);
    made[n++] = PyLong_FromLong(said->flags);
    made[n++] = PyLong_FromLongLong(row->follows[ACCOUNT]);
    made[n++] = PyLong_FromLongLong(said->last_at);
    made[n++] = PyLong_FromUnsignedLongLong(said->mark);
    made[n++] = PyLong_FromLongLong(row->follows[PRESUMED]);
    made[n++] = PyLong_FromLongLong(row->follows[WHOLE_WAY]);
    if (new->is_rare) {
        made[n++] = PyLong_FromLongLong(said->chosen_at);
        made[n++] = stop_of(said);
        made[n++] = PyLong_FromLongLong(row->billed);
        made[n++] = PyLong_FromUnsignedLongLong(said->counts[COUNTS]);
        made[n++] = noted_blocks(new->plains, said);
        made[n++] = PyLong_FromLongLong(row->follows[UNFINISHED]);
        made[n++] = PyLong_FromLongLong(row->follows[MISSING]);
        made[n++] = PyLong_FromLongLong(row->own_way);
    }
    made[n++] = PyLong_FromUnsignedLong(kept ? kept->pull : 0);
    made[n++] = PyLong_FromUnsignedLong(kept ? kept->by_branch : 0);
    return tuple_of(made, n);
}

static PyType_Slot new_rows_slots[] = {
    {Py_tp_dealloc, new_rows_end},
    {Py_sq_length, new_rows_size},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, new_rows_next},
    {0, NULL},
};
static PyType_Spec new_rows_spec = {"tachograph.sources.transcripts._scan.NewRows", sizeof(NewRows), 0, Py_TPFLAGS_DEFAULT,
                                    new_rows_slots};

/* Read numbers from a list, -1 where it has None: NULL with an exception. */
static int64_t *numbers_of(PyObject *list)
{
    const Py_ssize_t n = PyList_Size(list);
    int64_t *made = PyMem_Malloc(((size_t)n + 1) * sizeof *made);
    if (made == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; made != NULL && i < n; i++) {
        PyObject *one = PyList_GetItem(list, i);
        made[i] = one == Py_None ? -1 : PyLong_AsLongLong(one);
    }
    if (PyErr_Occurred()) {
        PyMem_Free(made);
        made = NULL;
    }
    return made;
}

static OriginValues *values_of_origins(PyObject *list)
{
    const Py_ssize_t n = PyList_Size(list);
    OriginValues *made = PyMem_Calloc((size_t)n + 1, sizeof *made);
    if (made == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; made != NULL && i < n && !PyErr_Occurred(); i++) {
        PyObject *said = PyList_GetItem(list, i), *until;
        if (said == Py_None)
            continue;
        made[i].attributes = PyTuple_GetItem(said, 0);
        made[i].id = PyLong_AsLongLong(PyTuple_GetItem(said, 1));
        made[i].billed_empty = PyLong_AsLongLong(PyTuple_GetItem(said, 2));
        until = PyTuple_GetItem(said, 3);
        made[i].until = until == NULL || until == Py_None ? FOLLOWS_NOTHING : PyLong_AsLongLong(until);
    }
    if (PyErr_Occurred()) {
        PyMem_Free(made);
        made = NULL;
    }
    return made;
}

/* What follows from a message's own facts, by `_follows` of new_rows.py: 1; 0 with an exception. */
static int ask_what_follows(NewRow *row, const Plains *plains, const Plain *one, const OriginValues *origin, PyObject *follows)
{
    PyObject *said = origin->attributes == NULL
                         ? NULL
                         : PyObject_CallFunction(follows, "(OiLLLNK)", origin->attributes, (int)one->flags, (long long)one->at,
                                                 (long long)row->session, (long long)row->own_way,
                                                 noted_blocks(plains, one), (unsigned long long)one->counts[1]);
    for (int i = 0; said != NULL && i < FOLLOWING; i++) {
        PyObject *value = PyTuple_GetItem(said, i);
        row->follows[i] = value ? PyLong_AsLongLong(value) : 0;
    }
    Py_XDECREF(said);
    if (said == NULL && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "an origin without values");
    return !PyErr_Occurred();
}

/* Give new rows ids that follow each other, and keep them: 1; 0 with an exception. */
static int number_rows(Rows *rows, NewRows *new, int64_t id)
{
    new->first_id = id;
    for (size_t i = 0; i < new->n; i++) {
        const NewRow *row = &new->items[i];
        const Plain *said = &new->plains->items[row->item];
        int64_t value[ROW_VALUES] = {[ROW_ID] = id + (int64_t)i, [ROW_IDENTITY] = (int64_t)said->identity, [ROW_AT] = said->at,
                                     [ROW_SEARCHES] = (int64_t)said->counts[COUNTS], [ROW_LOGGED] = -1,
                                     [ROW_ORIGIN] = row->origin, [ROW_SESSION] = row->session,
                                     [ROW_FLAGS] = said->flags, [ROW_ACCOUNT] = row->follows[ACCOUNT],
                                     [ROW_BILLED] = row->billed, [ROW_UNFINISHED] = row->follows[UNFINISHED],
                                     [ROW_MISSING] = row->follows[MISSING], [ROW_WAY] = row->follows[WHOLE_WAY]};
        for (int j = 0; j < COUNTS; j++)
            value[ROW_INPUT + j] = (int64_t)said->counts[j];
        if (!keep_if_whole(rows, value))
            return 0;
    }
    return 1;
}

/* Make the new row of every message, usual ones and others: 1; 0 with an exception. `known`: how many origins, sessions and
   ways have values. */
static int make_rows(const Plains *plains, const Py_ssize_t *known, const OriginValues *origins, const int64_t *sessions,
                     const int64_t *ways, PyObject *follows, NewRows **made)
{
    NewRow last = {0};
    uint32_t of_last[TABLES] = {0};
    int is_known = 0;
    for (size_t i = 0; i < plains->n; i++) {
        const Plain copy = plains->items[i], *one = &copy; /* `follows` is free to do anything */
        for (int j = 0; j < TABLES; j++)
            if ((Py_ssize_t)one->place[j] >= known[j]) {
                PyErr_SetString(PyExc_ValueError, "a message with an unknown origin, session or way");
                return 0;
            }
        const OriginValues *origin = &origins[one->place[IN_ORIGINS]];
        NewRow row = {.item = i, .origin = origin->id, .session = sessions[one->place[IN_SESSIONS]],
                      .own_way = ways[one->place[IN_WAYS]], .billed = one->counts[1] ? 1 : origin->billed_empty};
        NewRows *into;
        int is_usual;
        if (!one->is_there)
            continue;
        row.follows[WHOLE_WAY] = row.own_way;
        if (origin->until != FOLLOWS_NOTHING || one->n_blocks > 0) {
            const int is_same = one->n_blocks == 0 && !(one->flags & FOREIGN) && one->at < origin->until;
            if (is_same && is_known && memcmp(of_last, one->place, sizeof of_last) == 0)
                memcpy(row.follows, last.follows, sizeof row.follows);
            else if (!ask_what_follows(&row, plains, one, origin, follows))
                return 0;
            if (is_same) {
                last = row;
                memcpy(of_last, one->place, sizeof of_last);
                is_known = 1;
            }
        }
        is_usual = one->n_blocks == 0 && row.billed && one->counts[COUNTS] == 0 && row.follows[WHOLE_WAY] == row.own_way &&
                   one->chosen_at == one->last_at && one->stop_at == one->last_at;
        into = made[!is_usual];
        if (!has_room_for((void **)&into->items, &into->room, into->n, 1, sizeof row))
            return 0;
        into->items[into->n++] = row;
    }
    return 1;
}

/* Add the sessions of rows to a set. */
static int note_touched(PyObject *touched, const NewRows *new)
{
    for (size_t i = 0; i < new->n; i++) {
        PyObject *session = NULL;
        int done = 1;
        if (i == 0 || new->items[i].session != new->items[i - 1].session) {
            session = PyLong_FromLongLong(new->items[i].session);
            done = session != NULL && PySet_Add(touched, session) == 0;
        }
        Py_XDECREF(session);
        if (!done)
            return 0;
    }
    return 1;
}

static PyObject *rows_add(PyObject *self, PyObject *arguments)
{
    PyObject *plains, *origins, *sessions, *ways, *follows, *touched, *result = NULL;
    OriginValues *of_origins;
    int64_t *of_sessions, *of_ways;
    NewRows *made[2] = {NULL, NULL};
    Py_ssize_t id;
    if (!PyArg_ParseTuple(arguments, "O!nO!O!O!OO!", plains_type, &plains, &id, &PyList_Type, &origins, &PyList_Type, &sessions,
                          &PyList_Type, &ways, &follows, &PySet_Type, &touched))
        return NULL;
    const Py_ssize_t known[TABLES] = {PyList_Size(origins), PyList_Size(sessions), PyList_Size(ways)};
    of_origins = values_of_origins(origins);
    of_sessions = of_origins ? numbers_of(sessions) : NULL;
    of_ways = of_sessions ? numbers_of(ways) : NULL;
    for (int i = 0; of_ways != NULL && i < 2; i++)
        made[i] = new_rows(self, plains, i);
    if (made[0] != NULL && made[1] != NULL &&
        make_rows((Plains *)plains, known, of_origins, of_sessions, of_ways, follows, made) &&
        number_rows((Rows *)self, made[0], id) && number_rows((Rows *)self, made[1], id + (int64_t)made[0]->n) &&
        note_touched(touched, made[0]) && note_touched(touched, made[1]))
        result = Py_BuildValue("(OO)", made[0], made[1]);
    Py_XDECREF((PyObject *)made[0]);
    Py_XDECREF((PyObject *)made[1]);
    PyMem_Free(of_origins);
    PyMem_Free(of_sessions);
    PyMem_Free(of_ways);
    return result;
}

static PyObject *rows_drop(PyObject *self, PyObject *id)
{
    KeptRow *row = row_at((Rows *)self, PyLong_AsSsize_t(id));
    if (PyErr_Occurred())
        return NULL;
    if (row != NULL)
        row->is_there = 0;
    return Py_NewRef(Py_None);
}

/* Sessions with rows that have a pull request; a session may come twice. */
static PyObject *rows_assigned(PyObject *self, PyObject *ignored)
{
    Rows *rows = (Rows *)self;
    PyObject *made = PyList_New(0);
    uint32_t session = UINT32_MAX;
    (void)ignored;
    for (Py_ssize_t id = 0; made != NULL && id < rows->n_chunks * CHUNK; id++) {
        const KeptRow *row = row_at(rows, id);
        if (row == NULL || !row->is_there || row->pull == 0 || row->session == session)
            continue;
        session = row->session;
        if (!append(made, PyLong_FromUnsignedLong(session)))
            Py_CLEAR(made);
    }
    return made;
}

static int precedes(const Rows *rows, uint32_t a, uint32_t b)
{
    const KeptRow *x = row_at(rows, a), *y = row_at(rows, b);
    return x->at != y->at ? x->at < y->at : x->identity != y->identity ? x->identity < y->identity : a < b;
}

/* Merge sort, which knows its context, unlike qsort; rows of a session mostly are in order already. */
static void sort_rows(const Rows *rows, uint32_t *ids, uint32_t *room, Py_ssize_t n)
{
    Py_ssize_t half = n / 2, i = 0, j = half, k = 0;
    if (n < 2)
        return;
    sort_rows(rows, ids, room, half);
    sort_rows(rows, ids + half, room, n - half);
    if (!precedes(rows, ids[half], ids[half - 1]))
        return;
    memcpy(room, ids, (size_t)n * sizeof *ids);
    while (i < half && j < n)
        ids[k++] = precedes(rows, room[j], room[i]) ? room[j++] : room[i++];
    while (i < half)
        ids[k++] = room[i++];
    while (j < n)
        ids[k++] = room[j++];
}

static int order_session(const Rows *rows, OfSession *of)
{
    uint32_t *room = of->is_sorted ? NULL : PyMem_Malloc((of->n + 1) * sizeof *room);
    if (of->is_sorted)
        return 1;
    if (room == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    sort_rows(rows, of->ids, room, of->n);
    PyMem_Free(room);
    of->is_sorted = 1;
    return 1;
}

/* The number of an origin's place; -1 with an exception where `places` does not tell it. */
static long place_number(PyObject *places, uint32_t origin)
{
    PyObject *key = PyLong_FromUnsignedLong(origin), *said = key ? PyObject_GetItem(places, key) : NULL;
    const long number = said ? PyLong_AsLong(said) : -1;
    if (number < 0 && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a negative number of a place");
    Py_XDECREF(key);
    Py_XDECREF(said);
    return number;
}

/* The next row of a session in order of time, and its id; NULL after the last. `i`: how many ids are done, 0 at first. */
static KeptRow *next_row(const Rows *rows, unsigned long session, uint32_t *i, uint32_t *id)
{
    const OfSession *of = &rows->sessions[session];
    while (*i < of->n) {
        const int is_again = *i > 0 && of->ids[*i - 1] == of->ids[*i];
        KeptRow *row = row_at(rows, *id = of->ids[(*i)++]);
        if (row->is_there && row->session == session && !is_again)
            return row;
    }
    return NULL;
}

/* Rows of a session in order of time: their times, and (place, SIDECHAIN or 0, how many) of those in one place that follow
   each other. `places`: the numbers of places by origin. */
static PyObject *rows_runs(PyObject *self, PyObject *arguments)
{
    Rows *rows = (Rows *)self;
    unsigned long session;
    PyObject *places, *made, *times;
    KeptRow *row, last = {0};
    long place = -1, before = -1;
    uint32_t i = 0, id;
    Py_ssize_t n = 0, done = 0, count = 0;
    if (!PyArg_ParseTuple(arguments, "kO", &session, &places))
        return NULL;
    if (session >= (unsigned long)rows->n_sessions)
        return Py_BuildValue("(y[])", "");
    if (!order_session(rows, &rows->sessions[session]))
        return NULL;
    while (next_row(rows, session, &i, &id) != NULL)
        n++;
    made = PyList_New(0);
    times = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof row->at);
    for (i = 0; made != NULL && times != NULL && done < n && (row = next_row(rows, session, &i, &id)) != NULL; done++) {
        const KeptRow now = *row; /* what tells the places may move the rows */
        if (done == 0 || last.origin != now.origin)
            place = place_number(places, now.origin);
        if (place < 0)
            break; /* with an exception */
        if (count > 0 && (place != before || (last.flags ^ now.flags) & SIDECHAIN)) {
            if (!append(made, Py_BuildValue("(lin)", before, last.flags & SIDECHAIN, count)))
                break;
            count = 0;
        }
        memcpy(PyBytes_AsString(times) + done * (Py_ssize_t)sizeof now.at, &now.at, sizeof now.at);
        last = now;
        before = place;
        count++;
    }
    if (done < n && !PyErr_Occurred())
        PyErr_SetString(PyExc_RuntimeError, "rows changed while they were read");
    if (PyErr_Occurred() || (count > 0 && !append(made, Py_BuildValue("(lin)", before, last.flags & SIDECHAIN, count)))) {
        Py_XDECREF(made);
        Py_XDECREF(times);
        return NULL;
    }
    return Py_BuildValue("(NN)", times, made);
}

/* Append (pull, by_branch, first, last) to a list. */
static int append_range(PyObject *made, const KeptRow *row, Py_ssize_t first, Py_ssize_t last)
{
    return first > last || append(made, Py_BuildValue("(IInn)", row->pull, (unsigned)row->by_branch, first, last));
}

/* Read (how many, (pull, by_branch)): 1; 0 with an exception where it is something else. */
static int take_share(PyObject *said, Py_ssize_t *count, KeptRow *as)
{
    PyObject *assigned = PyTuple_Size(said) == 2 ? PyTuple_GetItem(said, 1) : NULL, *pull, *by_branch;
    if (assigned != NULL && PyTuple_Size(assigned) == 2) {
        *count = PyLong_AsSsize_t(PyTuple_GetItem(said, 0));
        pull = PyTuple_GetItem(assigned, 0);
        by_branch = PyTuple_GetItem(assigned, 1);
        as->pull = (uint32_t)PyLong_AsUnsignedLong(pull);
        as->by_branch = (uint8_t)(PyObject_IsTrue(by_branch) == 1);
    }
    else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a share of another form");
    return !PyErr_Occurred();
}

/* Give the rows of a session, in order of time, other pull requests: (how many, (pull, by_branch)) of rows that follow each
   other, none to those after. Returns what changed: (pull, by_branch, first id, last id) of ids that follow each other. */
static PyObject *rows_assign(PyObject *self, PyObject *arguments)
{
    Rows *rows = (Rows *)self;
    unsigned long session;
    PyObject *shares, *made;
    KeptRow *row, as = {0}, now = {0};
    uint32_t i = 0, id;
    Py_ssize_t place = 0, count = 0, first = 0, last = -1;
    if (!PyArg_ParseTuple(arguments, "kO!", &session, &PyList_Type, &shares) || (made = PyList_New(0)) == NULL)
        return NULL;
    if (session < (unsigned long)rows->n_sessions && !order_session(rows, &rows->sessions[session]))
        Py_CLEAR(made);
    while (made != NULL && session < (unsigned long)rows->n_sessions && (row = next_row(rows, session, &i, &id)) != NULL) {
        while (count == 0 && place < PyList_Size(shares))
            if (!take_share(PyList_GetItem(shares, place++), &count, &as))
                break;
        if (PyErr_Occurred())
            break;
        if (count > 0)
            count--;
        else
            as.pull = as.by_branch = 0;
        if (row->pull == as.pull && row->by_branch == as.by_branch)
            continue;
        row->pull = as.pull;
        row->by_branch = as.by_branch;
        if (id != last + 1 || as.pull != now.pull || as.by_branch != now.by_branch) {
            if (!append_range(made, &now, first, last))
                break;
            first = id;
            now = as;
        }
        last = id;
    }
    if (PyErr_Occurred() || !append_range(made, &now, first, last))
        Py_CLEAR(made);
    return made;
}

/* Sessions with billed rows of the origins for which `is_asked` is true; a session may come twice. */
static PyObject *rows_sessions_of(PyObject *self, PyObject *is_asked)
{
    Rows *rows = (Rows *)self;
    PyObject *made = PyList_New(0);
    uint32_t session = UINT32_MAX;
    void *room = NULL;
    Py_ssize_t n = 0;
    for (Py_ssize_t id = 0; made != NULL && id < rows->n_chunks * CHUNK; id++) {
        const KeptRow *row = row_at(rows, id);
        char *answer;
        if (row == NULL || !row->is_there || !row->billed || row->session == session)
            continue;
        answer = has_room(&room, &n, row->origin, 1) ? (char *)room + row->origin : NULL;
        if (answer != NULL && *answer == 0) { /* 1 for no, 2 for yes */
            PyObject *said = PyObject_CallFunction(is_asked, "I", row->origin);
            *answer = said == NULL ? 0 : (char)(1 + PyObject_IsTrue(said));
            Py_XDECREF(said);
        }
        if (answer == NULL)
            PyErr_NoMemory();
        if (answer == NULL || *answer == 0)
            Py_CLEAR(made);
        else if (*answer == 2) {
            session = row->session;
            if (!append(made, PyLong_FromUnsignedLong(session)))
                Py_CLEAR(made);
        }
    }
    PyMem_Free(room);
    return made;
}

typedef struct {
    int64_t value[KEY_VALUES + MEASURES]; /* a row of `rollup`; messages (behind the key) are 0 in an empty place */
} Sum;

static uint64_t hash_of(const int64_t *key)
{
    uint64_t h = 0x9E3779B97F4A7C15ULL;
    for (int i = 0; i < KEY_VALUES; i++) {
        h = (h ^ (uint64_t)key[i]) * 0xFF51AFD7ED558CCDULL;
        h ^= h >> 32;
    }
    return h;
}

static Sum *place_of(Sum *sums, uint64_t n, const int64_t *key)
{
    uint64_t i = hash_of(key) & (n - 1);
    while (sums[i].value[KEY_VALUES] != 0 && memcmp(sums[i].value, key, KEY_VALUES * sizeof *key) != 0)
        i = (i + 1) & (n - 1);
    return &sums[i];
}

static int compare_sums(const void *a, const void *b)
{
    const int64_t *x = ((const Sum *)a)->value, *y = ((const Sum *)b)->value;
    for (int i = 0; i < KEY_VALUES; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

/* Add a row to the sums. `origins`: values of each origin that was met, by its id. */
static void add_up(const Rows *rows, const KeptRow *row, const int64_t *origin, Sum *sums, uint64_t n, uint64_t *used)
{
    static const Rare none = {0, -1, 0};
    const Rare *rare = row->rare < 0 ? &none : &rows->rare[row->rare];
    const uint64_t prompt = (uint64_t)row->tokens[0] + row->tokens[2] + row->tokens[3] + row->tokens[4];
    const int64_t at = row->at, tier = (prompt > FIRST_TIER) + (prompt > SECOND_TIER);
    const int64_t key[KEY_VALUES] = {
        at == NO_TIME ? UNKNOWN_BUCKET : at / QUARTER_MS - (at % QUARTER_MS < 0),
        row->session, origin[0], origin[1] | tier << 2, origin[2], origin[3], row->account, row->pull, row->by_branch,
        row->way, row->flags & SIDECHAIN ? 1 : 0
    };
    int64_t *into = place_of(sums, n, key)->value, *measure = into + KEY_VALUES;
    if (measure[0] == 0) {
        memcpy(into, key, sizeof key);
        (*used)++;
    }
    measure[0]++;
    for (int i = 0; i < COUNTS; i++)
        measure[1 + i] += row->tokens[i];
    measure[6] += rare->searches;
    if (rare->logged >= 0) {
        measure[7]++;
        measure[8] += rare->logged;
    }
    measure[9] += row->unfinished;
    measure[10] += rare->missing;
}

static Sum *grown(Sum *sums, uint64_t *n)
{
    Sum *more = PyMem_Calloc((size_t)*n * 2, sizeof *more);
    if (more != NULL) {
        for (uint64_t i = 0; i < *n; i++)
            if (sums[i].value[KEY_VALUES] != 0)
                *place_of(more, *n * 2, sums[i].value) = sums[i];
        *n *= 2;
    }
    PyMem_Free(sums);
    return more;
}

/* Values of an origin: 1; 0 with an exception where `tell` does not tell them. */
static int values_of(PyObject *tell, uint32_t id, int64_t *values)
{
    PyObject *found = PyObject_CallFunction(tell, "I", (unsigned)id);
    if (found == NULL)
        return 0;
    for (int i = 0; i < ORIGIN_VALUES; i++) {
        PyObject *one = PyTuple_GetItem(found, i);
        values[i] = one ? PyLong_AsLongLong(one) : -1;
    }
    Py_DECREF(found);
    return !PyErr_Occurred();
}

/* Bring the sums to the front, in the order of their keys; returns how many there are. */
static uint64_t in_order(Sum *sums, uint64_t n)
{
    uint64_t used = 0;
    for (uint64_t i = 0; i < n; i++)
        if (sums[i].value[KEY_VALUES] != 0)
            sums[used++] = sums[i];
    qsort(sums, (size_t)used, sizeof *sums, compare_sums);
    return used;
}

/* Sums of whole hours by (hour, model, tariff), of n sums in order; returns how many there are. */
static uint64_t hours_of(const Sum *sums, uint64_t n, Sum *hours)
{
    uint64_t made = 0, first = 0;
    for (uint64_t i = 0; i < n; i++) {
        const int64_t *from = sums[i].value;
        const int64_t key[HOUR_VALUES] = {from[0] / 4 - (from[0] % 4 < 0), from[2], from[3]};
        uint64_t place = first;
        if (made > 0 && hours[made - 1].value[0] != key[0])
            place = first = made;
        while (place < made && memcmp(hours[place].value, key, sizeof key) != 0)
            place++;
        if (place == made) {
            memset(&hours[made], 0, sizeof *hours);
            memcpy(hours[made++].value, key, sizeof key);
        }
        for (int j = KEY_VALUES; j < KEY_VALUES + MEASURES; j++)
            hours[place].value[j] += from[j];
    }
    return in_order(hours, made);
}

/* Rows of sums: the first values of their keys, and their measures. */
static PyObject *list_of(const Sum *sums, uint64_t n, int keys)
{
    PyObject *made = PyList_New(0);
    for (uint64_t i = 0; made != NULL && i < n; i++) {
        PyObject *row = PyTuple_New(keys + MEASURES);
        int done = row != NULL;
        for (int j = 0; done && j < keys + MEASURES; j++) {
            PyObject *one = PyLong_FromLongLong(sums[i].value[j < keys ? j : KEY_VALUES + j - keys]);
            done = one != NULL && PyTuple_SetItem(row, j, one) == 0;
        }
        if (!done || PyList_Append(made, row) < 0)
            Py_CLEAR(made);
        Py_XDECREF(row);
    }
    return made;
}

static PyObject *both_lists(Sum *sums, uint64_t n)
{
    const uint64_t used = in_order(sums, n);
    Sum *hours = PyMem_Calloc((size_t)used + 1, sizeof *hours);
    PyObject *quarters = hours ? list_of(sums, used, KEY_VALUES) : PyErr_NoMemory(), *whole = NULL;
    if (quarters != NULL)
        whole = list_of(hours, hours_of(sums, used, hours), HOUR_VALUES);
    PyMem_Free(hours);
    if (whole == NULL)
        Py_CLEAR(quarters);
    return whole ? Py_BuildValue("(NN)", quarters, whole) : NULL;
}

/* The rows of `rollup` and `hour` that all kept rows add up to, in the order of their keys: ledger/usage/totals.py.
   `tell`: of the id of an origin, (model, tariff of a short prompt, place, branch). */
static PyObject *rows_sums(PyObject *self, PyObject *tell)
{
    Rows *rows = (Rows *)self;
    uint64_t n = 1 << 12, used = 0;
    Sum *sums = PyMem_Calloc((size_t)n, sizeof *sums);
    void *room = NULL; /* values of each origin, with 1 behind them once they are known */
    int64_t *origin;
    Py_ssize_t n_known = 0;
    PyObject *made = NULL;
    int good = sums != NULL;
    for (Py_ssize_t id = 0; good && id < rows->n_chunks * CHUNK; id++) {
        const KeptRow *row = row_at(rows, id);
        if (row == NULL || !row->is_there || !row->billed)
            continue;
        good = has_room(&room, &n_known, row->origin, (ORIGIN_VALUES + 1) * sizeof *origin);
        origin = (int64_t *)room + (Py_ssize_t)row->origin * (ORIGIN_VALUES + 1);
        if (good && !origin[ORIGIN_VALUES])
            good = origin[ORIGIN_VALUES] = values_of(tell, row->origin, origin);
        if (good && used * 2 >= n)
            good = (sums = grown(sums, &n)) != NULL;
        if (good)
            add_up(rows, row, origin, sums, n, &used);
    }
    if (good)
        made = both_lists(sums, n);
    else if (!PyErr_Occurred())
        PyErr_NoMemory();
    PyMem_Free(room);
    PyMem_Free(sums);
    return made;
}

static int take_places(PyObject *said, Py_ssize_t *places)
{
    if (PyTuple_Size(said) != ROW_VALUES) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "places of another number of values");
        return 0;
    }
    for (int i = 0; i < ROW_VALUES; i++)
        if ((places[i] = PyLong_AsSsize_t(PyTuple_GetItem(said, i))) == -1 && PyErr_Occurred())
            return 0;
    return 1;
}

static PyObject *rows_new(PyTypeObject *type, PyObject *arguments, PyObject *ignored)
{
    PyObject *places;
    Rows *rows;
    (void)ignored;
    if (!PyArg_ParseTuple(arguments, "O", &places) ||
        (rows = (Rows *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0)) == NULL)
        return NULL;
    rows->is_whole = 1;
    if (!take_places(places, rows->places))
        Py_CLEAR(rows);
    return (PyObject *)rows;
}

static void rows_end(PyObject *self)
{
    Rows *rows = (Rows *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (Py_ssize_t i = 0; i < rows->n_chunks; i++)
        PyMem_Free(rows->chunks[i]);
    PyMem_Free(rows->chunks);
    PyMem_Free(rows->rare);
    for (Py_ssize_t i = 0; i < rows->n_sessions; i++)
        PyMem_Free(rows->sessions[i].ids);
    PyMem_Free(rows->sessions);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *rows_is_whole(PyObject *self, void *ignored)
{
    (void)ignored;
    return PyBool_FromLong(((Rows *)self)->is_whole);
}

static PyMethodDef rows_methods[] = {
    {"add", rows_add, METH_VARARGS, "Keep the rows of new messages; iterators make them."},
    {"put", rows_put, METH_O, "Keep rows, new or changed."},
    {"drop", rows_drop, METH_O, "Forget the row with an id."},
    {"assign", rows_assign, METH_VARARGS, "Give rows other pull requests."},
    {"assigned", rows_assigned, METH_NOARGS, "Sessions with rows that have a pull request."},
    {"runs", rows_runs, METH_VARARGS, "Rows of a session in order of time."},
    {"sessions_of", rows_sessions_of, METH_O, "Sessions with billed rows of some origins."},
    {"sums", rows_sums, METH_O, "Rows of `rollup` that all rows add up to."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef rows_values[] = {
    {"is_whole", rows_is_whole, NULL, "Whether every row is held.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot rows_slots[] = {
    {Py_tp_new, rows_new},
    {Py_tp_dealloc, rows_end},
    {Py_tp_methods, rows_methods},
    {Py_tp_getset, rows_values},
    {0, NULL},
};
static PyType_Spec rows_spec = {"tachograph.sources.transcripts._scan.KeptRows", sizeof(Rows), 0, Py_TPFLAGS_DEFAULT,
                                rows_slots};

/* -- a set of identities --------------------------------------------------------------------------------------- */

typedef struct { /* less than a sixth of what a set of Python's takes; 0 marks an empty place */
    PyObject_HEAD
    uint64_t *places;
    uint64_t n, used;
    int has_zero;
} Identities;

static uint64_t *identity_place(uint64_t *places, uint64_t n, uint64_t identity)
{
    uint64_t i = (identity * 0x9E3779B97F4A7C15ULL >> 20) & (n - 1);
    while (places[i] != 0 && places[i] != identity)
        i = (i + 1) & (n - 1);
    return &places[i];
}

static int has_identity(const Identities *set, uint64_t identity)
{
    return identity == 0 ? set->has_zero : set->n != 0 && *identity_place(set->places, set->n, identity) != 0;
}

static int add_identity(Identities *set, uint64_t identity)
{
    uint64_t *place;
    if (identity == 0) {
        set->has_zero = 1;
        return 1;
    }
    if (set->used * 4 >= set->n * 3) {
        const uint64_t n = set->n ? set->n * 2 : 1 << 10;
        uint64_t *more = PyMem_Calloc((size_t)n, sizeof *more);
        if (more == NULL) {
            PyErr_NoMemory();
            return 0;
        }
        for (uint64_t i = 0; i < set->n; i++)
            if (set->places[i] != 0)
                *identity_place(more, n, set->places[i]) = set->places[i];
        PyMem_Free(set->places);
        set->places = more;
        set->n = n;
    }
    place = identity_place(set->places, set->n, identity);
    set->used += *place == 0;
    *place = identity;
    return 1;
}

static PyObject *identities_update(PyObject *self, PyObject *iterables)
{
    for (Py_ssize_t i = 0; i < PyTuple_Size(iterables) && !PyErr_Occurred(); i++) {
        PyObject *many = PyTuple_GetItem(iterables, i), *iterator, *one;
        if (Py_TYPE(many) == plains_type) {
            const Plains *plains = (Plains *)many;
            for (size_t j = 0; j < plains->n; j++)
                if (plains->items[j].is_there && !add_identity((Identities *)self, plains->items[j].identity))
                    return NULL;
            continue;
        }
        iterator = PyObject_GetIter(many);
        while (iterator != NULL && !PyErr_Occurred() && (one = PyIter_Next(iterator)) != NULL) {
            const uint64_t identity = PyLong_AsUnsignedLongLong(one);
            Py_DECREF(one);
            if (!PyErr_Occurred())
                add_identity((Identities *)self, identity);
        }
        Py_XDECREF(iterator);
    }
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *identities_intersection(PyObject *self, PyObject *many)
{
    PyObject *iterator = PyObject_GetIter(many), *made = iterator ? PySet_New(NULL) : NULL, *one;
    while (made != NULL && (one = PyIter_Next(iterator)) != NULL) {
        const uint64_t identity = PyLong_AsUnsignedLongLong(one);
        if (PyErr_Occurred() || (has_identity((Identities *)self, identity) && PySet_Add(made, one) < 0))
            Py_CLEAR(made);
        Py_DECREF(one);
    }
    Py_XDECREF(iterator);
    if (PyErr_Occurred())
        Py_CLEAR(made);
    return made;
}

static int identities_contains(PyObject *self, PyObject *one)
{
    const uint64_t identity = PyLong_AsUnsignedLongLong(one);
    return PyErr_Occurred() ? -1 : has_identity((Identities *)self, identity);
}

static void identities_end(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(((Identities *)self)->places);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

/* Whether an identity is in a set, one of ours or another: 1 or 0; -1 with an exception. */
static int is_among(PyObject *identities, uint64_t identity)
{
    PyObject *one;
    int found;
    if (Py_TYPE(identities) == identities_type)
        return has_identity((Identities *)identities, identity);
    one = PyLong_FromUnsignedLongLong(identity);
    found = one ? PySequence_Contains(identities, one) : -1;
    Py_XDECREF(one);
    return found;
}

static PyMethodDef identities_methods[] = {
    {"update", identities_update, METH_VARARGS, "Add the identities of some iterables."},
    {"intersection", identities_intersection, METH_O, "Those of some identities that are in the set."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot identities_slots[] = {
    {Py_tp_dealloc, identities_end},
    {Py_tp_methods, identities_methods},
    {Py_sq_contains, identities_contains},
    {0, NULL},
};
static PyType_Spec identities_spec = {"tachograph.sources.transcripts._scan.Identities", sizeof(Identities), 0,
                                      Py_TPFLAGS_DEFAULT, identities_slots};

/* -- the module ------------------------------------------------------------------------------------------------ */

static PyMethodDef methods[] = {
    {"scan", scan, METH_VARARGS, "What the lines in a block say: see tachograph.sources.transcripts.c_scanner."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_scan", NULL, 0, methods, NULL, NULL, NULL, NULL};

/* Make a type, and add it to the module unless it has no name there. */
static int add_type(PyObject *to, const char *name, PyType_Spec *spec, PyTypeObject **made)
{
    *made = (PyTypeObject *)PyType_FromSpec(spec); /* kept for good: there is one module */
    return *made != NULL && (name == NULL || PyModule_AddObjectRef(to, name, (PyObject *)*made) == 0);
}

PyMODINIT_FUNC PyInit__scan(void)
{
    /* Shape of what `scan` and the types take and give. c_scanner.py follows it: raise it there and here together. */
    PyObject *made = PyModule_Create(&module);
    PyTypeObject *rows_type;
    if (made && PyModule_AddIntConstant(made, "LAYOUT", 11) < 0)
        Py_CLEAR(made);
    if (made && (!add_type(made, "KeptRows", &rows_spec, &rows_type) ||
                 !add_type(made, "Identities", &identities_spec, &identities_type) ||
                 !add_type(made, "PlainMessages", &plains_spec, &plains_type) ||
                 !add_type(made, NULL, &new_rows_spec, &new_rows_type)))
        Py_CLEAR(made);
    return made;
}
