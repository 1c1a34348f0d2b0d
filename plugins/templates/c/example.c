/* A provider of sandboxes as a plugin of tbengine, in C. Build it and try it:
 *
 *     make
 *     tbengine plugin check ./libexample.so
 *
 * The "cloud" is an array in memory. Put the calls of your provider in its place. What the documents hold
 * is described in protocol/v2.md of the sdk, what each function must do in tbengine_plugin.h. */
#include "tbengine_plugin.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "json.h"

static const tbe_host_v2 *host;

static const char DESCRIPTOR[] =
    "{\"name\":\"example\",\"version\":\"0.1.0\",\"protocol\":2,\"sdk\":\"C\","
    "\"kinds\":[{\"kind\":\"example\",\"about\":\"An example cloud in memory\"}]}";

static const char OPENED[] =
    "{\"capabilities\":{\"kinds\":[{\"kind\":\"sandbox\",\"plural\":\"sandboxes\",\"class\":\"compute\","
    "\"about\":\"a cloud sandbox\",\"runs\":true,\"can\":{\"stop\":true}}],"
    "\"concurrency\":8}}";

enum { MOST = 1000 };
enum state { GONE, STOPPED, RUNNING };

/* One configured backend. */
struct tbe_instance {
    pthread_mutex_t lock; /* the host calls from many threads at once */
    char *name;           /* the configured name as JSON text, quotes included */
    size_t count;
    enum state sandboxes[MOST];
};

/* A text that grows. */
typedef struct {
    char *at;
    size_t len, room;
} text;

static void put(text *out, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t len = (size_t)vsnprintf(NULL, 0, format, args);
    if (out->len + len + 1 > out->room) {
        out->room = 2 * (out->len + len + 1);
        out->at = realloc(out->at, out->room);
        if (!out->at) abort();
    }
    vsnprintf(out->at + out->len, len + 1, format, again);
    out->len += len;
    va_end(args);
    va_end(again);
}

static tbe_bytes bytes(const char *at, size_t len) {
    tbe_bytes bytes = {(const uint8_t *)at, len};
    return bytes;
}

static tbe_bytes words(const char *words) { return bytes(words, strlen(words)); }

static void answer(tbe_call call, tbe_status status, const char *body) {
    host->complete(host, call, status, words(body));
}

static tbe_instance *open_backend(tbe_bytes request, void *context, tbe_opened opened) {
    json document = json_object(request.ptr, request.len), config = json_get(document, "config");
    json name = json_get(document, "name");
    if (!name.at || !json_is(json_get(document, "kind"), "example")) {
        opened(context, TBE_INVALID, words("the request has no name, or another kind than `example`"));
        return NULL;
    }
    if (!json_null(config) && *config.at != '{') {
        opened(context, TBE_INVALID, words("the configuration is not a table"));
        return NULL;
    }
    size_t count = json_number(json_get(config, "sandboxes"), 3);
    tbe_instance *self = calloc(1, sizeof *self);
    if (!self || count > MOST || !(self->name = calloc(1, name.len + 1))) {
        free(self);
        opened(context, TBE_INVALID, words("`sandboxes` is at most 1000"));
        return NULL;
    }
    memcpy(self->name, name.at, name.len);
    self->count = count;
    for (size_t i = 0; i < count; i++) self->sandboxes[i] = i % 2 ? RUNNING : STOPPED;
    pthread_mutex_init(&self->lock, NULL);
    opened(context, TBE_OK, words(OPENED));
    return self;
}

static void close_backend(tbe_instance *self) {
    pthread_mutex_destroy(&self->lock);
    free(self->name);
    free(self);
}

static void put_sandbox(const tbe_instance *self, text *out, size_t i) {
    put(out,
        "{\"identity\":{\"backend\":%s,\"account\":\"example\",\"kind\":\"sandbox\",\"native\":\"sb-%04zu\","
        "\"created\":\"2026-01-01T00:00:00Z\"},\"name\":\"sandbox number %zu\",\"state\":\"%s\"}",
        self->name, i, i, self->sandboxes[i] == RUNNING ? "running" : "stopped");
}

/* The index behind a native id, or MOST if it is none. Only the full id counts. */
static size_t find(const tbe_instance *self, json target) {
    char native[32];
    for (size_t i = 0; i < self->count; i++) {
        snprintf(native, sizeof native, "sb-%04zu", i);
        if (self->sandboxes[i] != GONE && json_is(json_get(target, "native"), native) &&
            json_is(json_get(target, "kind"), "sandbox"))
            return i;
    }
    return MOST;
}

static void list(const tbe_instance *self, tbe_call call, json request) {
    json cursor = json_get(request, "cursor"), kind = json_get(request, "kind");
    if (!kind.at) {
        answer(call, TBE_INVALID, "the request has no kind");
        return;
    }
    if (!json_is(kind, "sandbox")) {
        answer(call, TBE_UNSUPPORTED, "there are only sandboxes");
        return;
    }
    size_t from = 0, size = json_number(json_get(request, "page-size"), 100), shown = 0;
    if (!json_null(cursor)) {
        /* A cursor is the number of the next sandbox, as text. Anything else was never given. */
        char expected[32];
        for (from = 1; from < self->count; from++) {
            snprintf(expected, sizeof expected, "%zu", from);
            if (json_is(cursor, expected)) break;
        }
        if (from >= self->count) {
            answer(call, TBE_INVALID, "unknown cursor");
            return;
        }
    }
    text out = {0};
    put(&out, "{\"resources\":[");
    size_t i = from;
    for (; i < self->count && shown < (size ? size : 1); i++) {
        if (self->sandboxes[i] == GONE) continue;
        if (shown++) put(&out, ",");
        put_sandbox(self, &out, i);
    }
    put(&out, i < self->count ? "],\"next\":\"%zu\"}" : "]}", i);
    host->complete(host, call, TBE_OK, bytes(out.at, out.len));
    free(out.at);
}

static void act(tbe_instance *self, tbe_call call, tbe_bytes method, json request) {
    json target = json_get(request, "target"), force = json_get(request, "force");
    if (!target.at || *target.at != '{') {
        answer(call, TBE_INVALID, "the request has no target");
        return;
    }
    size_t i = find(self, target);
    if (*method.ptr == 'g') {
        text out = {0};
        put(&out, "{\"resource\":");
        if (i == MOST) put(&out, "null");
        else put_sandbox(self, &out, i);
        put(&out, "}");
        host->complete(host, call, TBE_OK, bytes(out.at, out.len));
        free(out.at);
        return;
    }
    if (i == MOST) {
        answer(call, TBE_NOT_FOUND, "there is no such sandbox");
        return;
    }
    bool forced = force.at && *force.at == 't', running = self->sandboxes[i] == RUNNING;
    if (*method.ptr == 'd' && running && !forced) {
        answer(call, TBE_CONFLICT, "it is running");
        return;
    }
    self->sandboxes[i] = *method.ptr == 'd' ? GONE : STOPPED;
    answer(call, TBE_OK, "{}");
}

static bool is(tbe_bytes bytes, const char *word) {
    return bytes.len == strlen(word) && !memcmp(bytes.ptr, word, bytes.len);
}

/* May hold up its thread, so a provider can simply be asked here. */
static void call_backend(tbe_instance *self, tbe_call call, tbe_bytes method, tbe_bytes request, uint64_t deadline_ms) {
    (void)deadline_ms; /* give it to your HTTP client */
    json document = json_object(request.ptr, request.len);
    bool acts = is(method, "get") || is(method, "stop") || is(method, "delete");
    if (!acts && !is(method, "list") && !is(method, "check"))
        {
        answer(call, TBE_UNSUPPORTED, "there is no such method");
        return;
    }
    if (!document.at) {
        answer(call, TBE_INVALID, "the request is not a JSON object");
        return;
    }
    pthread_mutex_lock(&self->lock);
    if (is(method, "check")) answer(call, TBE_OK, "{\"id\":\"example\",\"description\":\"an example in memory\"}");
    else if (is(method, "list")) list(self, call, document);
    else act(self, call, method, document);
    pthread_mutex_unlock(&self->lock);
}

/* Every request is answered before `call` returns, so there is nothing to end early. */
static void cancel_call(tbe_instance *self, tbe_call call) {
    (void)self;
    (void)call;
}

const tbe_plugin_v2 *tbengine_plugin_v2(const tbe_host_v2 *lent) {
    static tbe_plugin_v2 table;
    if (lent->size < sizeof *lent) return NULL;
    host = lent;
    table.size = sizeof table;
    table.descriptor = words(DESCRIPTOR);
    table.open = open_backend;
    table.call = call_backend;
    table.cancel = cancel_call;
    table.close = close_backend;
    return &table;
}
