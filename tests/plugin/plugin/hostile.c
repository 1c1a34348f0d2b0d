/* A plugin that breaks the rules. The word after "mode": in the configuration says which. */
#include "tbengine_plugin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef KIND
#define KIND "hostile"
#endif
#ifndef DESCRIPTOR
#define DESCRIPTOR                                                                                       \
    "{\"name\":\"hostile\",\"version\":\"1.0\",\"protocol\":2,\"sdk\":\"C\",\"kinds\":[{\"kind\":\"" KIND \
    "\",\"about\":\"breaks the rules\"}]}"
#endif
#ifndef SIZE
#define SIZE sizeof(tbe_plugin_v2)
#endif
#ifndef CALL
#define CALL call
#endif

static const tbe_host_v2 *host;
static int closed;

struct tbe_instance {
    char mode[32];
};

static tbe_bytes text(const char *s) { return (tbe_bytes){(const uint8_t *)s, strlen(s)}; }

static const char OPENED[] =
    "{\"capabilities\":{\"kinds\":[{\"kind\":\"sandbox\",\"class\":\"compute\",\"about\":\"a sandbox\",\"runs\":true,\"can\":{\"stop\":true}}],\"concurrency\":4}}";

static tbe_instance *open_(tbe_bytes request, void *context, tbe_opened opened) {
    char copy[2048] = {0};
    memcpy(copy, request.ptr, request.len < sizeof copy - 1 ? request.len : sizeof copy - 1);
    tbe_instance *self = calloc(1, sizeof *self);
    const char *mode = strstr(copy, "\"mode\":\"");
    if (mode) sscanf(mode + 8, "%31[a-z-]", self->mode);
    if (!strcmp(self->mode, "open-hang")) sleep(3600);
    if (!strcmp(self->mode, "open-silent")) return self;
    if (!strcmp(self->mode, "open-failed-with-instance")) {
        opened(context, TBE_DENIED, text("no key"));
        return self;
    }
    opened(context, TBE_OK, text(OPENED));
    if (!strcmp(self->mode, "open-twice")) opened(context, TBE_OK, text(OPENED));
    if (!strcmp(self->mode, "open-nothing")) {
        free(self);
        return NULL;
    }
    return self;
}

static void *late(void *call) {
    usleep(300 * 1000);
    host->complete(host, (tbe_call)(uintptr_t)call, TBE_OK, text("{\"id\":\"late\",\"description\":\"late\"}"));
    return NULL;
}

static void call(tbe_instance *self, tbe_call id, tbe_bytes method, tbe_bytes request, uint64_t deadline_ms) {
    (void)request;
    (void)deadline_ms;
    const char *mode = self->mode;
    char account[128];
    snprintf(account, sizeof account, "{\"id\":\"c\",\"description\":\"%d closed\"}", __atomic_load_n(&closed, __ATOMIC_SEQ_CST));
    if (method.len == 5 && !memcmp(method.ptr, "check", 5)) {
        if (!strcmp(mode, "double")) host->complete(host, id, TBE_OK, text(account));
        if (!strcmp(mode, "invented")) host->complete(host, id + 1000000, TBE_OK, text(account));
        host->complete(host, id, TBE_OK, text(account));
        return;
    }
    if (!strcmp(mode, "never")) return;
    if (!strcmp(mode, "hang")) sleep(3600);
    if (!strcmp(mode, "late")) {
        pthread_t thread;
        pthread_create(&thread, NULL, late, (void *)(uintptr_t)id);
        pthread_detach(thread);
        return;
    }
    if (!strcmp(mode, "huge")) {
        size_t size = (64u << 20) + 1;
        uint8_t *body = malloc(size);
        memset(body, ' ', size);
        host->complete(host, id, TBE_OK, (tbe_bytes){body, size});
        free(body);
        return;
    }
    if (!strcmp(mode, "null")) return host->complete(host, id, TBE_OK, (tbe_bytes){NULL, 5});
    if (!strcmp(mode, "garbage")) return host->complete(host, id, TBE_OK, text("certainly"));
    if (!strcmp(mode, "odd-status")) return host->complete(host, id, 4711, text("odd"));
    if (!strcmp(mode, "plain-text")) return host->complete(host, id, TBE_TRANSIENT, text("busy just now"));
    host->complete(host, id, TBE_OK, text("{\"resources\":[]}"));
}

static void cancel(tbe_instance *self, tbe_call id) {
    (void)self;
    (void)id;
}

static void close_(tbe_instance *self) {
    if (!self) abort(); /* only what was opened is closed */
    free(self);
    __atomic_add_fetch(&closed, 1, __ATOMIC_SEQ_CST);
}

static tbe_plugin_v2 table = {SIZE, {0}, open_, CALL, cancel, close_};

#ifndef ENTRY
#define ENTRY tbengine_plugin_v2
#endif
TBE_EXPORT const tbe_plugin_v2 *ENTRY(const tbe_host_v2 *);

const tbe_plugin_v2 *ENTRY(const tbe_host_v2 *lent) {
#ifdef REFUSE
    (void)lent;
    return NULL;
#else
    if (lent->size < sizeof *lent) return NULL;
    host = lent;
    table.descriptor = text(DESCRIPTOR);
    return &table;
#endif
}
