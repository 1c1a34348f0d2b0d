/* The C interface between tbengine and a plugin that brings kinds of backends, version 2.
 *
 * A plugin is a dynamic library with one symbol, tbengine_plugin_v2. What is asked and answered are
 * JSON documents; protocol/v2.md describes each of them. Five rules:
 *
 * 1. No memory changes its owner. What a pointer points to may be read until the call that received
 *    it returns; copy it to keep it.
 * 2. Every request is answered exactly once, also when it was cancelled.
 * 3. Tables only grow at the end, and begin with their size: look at a field only if `size` covers it.
 * 4. Nothing is thrown across: no exception, panic or longjmp may leave a function of these tables.
 * 5. A library stays loaded until the process ends.
 */
#ifndef TBENGINE_PLUGIN_H
#define TBENGINE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that belong to someone else. They do not end with NUL. ptr may be NULL if len is 0. */
typedef struct tbe_bytes {
    const uint8_t *ptr;
    size_t len;
} tbe_bytes;

/* How a request ended. It decides what the engine does next. */
typedef uint32_t tbe_status;
enum {
    TBE_OK = 0,
    TBE_NOT_FOUND = 1,    /* there is no such resource; a deletion counts as done          */
    TBE_TRANSIENT = 2,    /* a passing fault of this one resource; the engine tries again  */
    TBE_IN_PROGRESS = 3,  /* the same change is already under way; the engine polls        */
    TBE_CONFLICT = 4,     /* not in the state that the request assumed; never forced       */
    TBE_DEPENDENCY = 5,   /* something else still uses it; the engine puts it behind that  */
    TBE_RATE_LIMITED = 6, /* fewer requests, please; the engine holds the backend back     */
    TBE_UNAVAILABLE = 7,  /* the provider cannot be reached; the engine probes             */
    TBE_DENIED = 8,       /* credentials are missing or refused; ends this backend         */
    TBE_INVALID = 9,      /* the request or the configuration is wrong; ends this backend  */
    TBE_FORBIDDEN = 10,   /* these credentials may not do this, but may do other things    */
    TBE_UNSUPPORTED = 11, /* cannot be done, ever; also for a method that is not known     */
    TBE_STUCK = 12,       /* accepted, but will not complete; do not ask again             */
    TBE_INTERNAL = 13,    /* a fault in the plugin's own code                              */
    TBE_CANCELLED = 14    /* the host asked for it                                         */
};

/* One configured backend. The plugin alone knows what is in it. */
typedef struct tbe_instance tbe_instance;

/* The number of one request. Never used twice, so a stale one is harmless. */
typedef uint64_t tbe_call;

/* What the host lends to the plugin. Valid until the process ends. */
typedef struct tbe_host_v2 tbe_host_v2;
struct tbe_host_v2 {
    size_t size;
    /* Answers a request, from any thread, also before `call` has returned. The first answer counts.
       body: the answer's document if status is TBE_OK, else an error document or plain text. */
    void (*complete)(const tbe_host_v2 *host, tbe_call call, tbe_status status, tbe_bytes body);
    /* Writes to the host's log, from any thread. level: 1 error, 2 warning, 3 info, 4 debug, 5 trace.
       target: where it comes from. fields: a JSON object, or empty. */
    void (*log)(const tbe_host_v2 *host, uint32_t level, tbe_bytes target, tbe_bytes message, tbe_bytes fields);
    /* The highest level that the host writes; 0 is none. Spares the work of a record that is dropped. */
    uint32_t (*log_level)(const tbe_host_v2 *host);
};

/* Takes the result of `open`: TBE_OK with the document of what was opened, or an error. */
typedef void (*tbe_opened)(void *context, tbe_status status, tbe_bytes body);

/* What the plugin lends to the host. Valid until the process ends. */
typedef struct tbe_plugin_v2 tbe_plugin_v2;
struct tbe_plugin_v2 {
    size_t size;
    /* The descriptor document: name, version, protocol, kinds. */
    tbe_bytes descriptor;
    /* Opens one backend, without reaching the provider. Calls `opened` exactly once before it returns.
       Returns NULL if and only if it failed. */
    tbe_instance *(*open)(tbe_bytes request, void *context, tbe_opened opened);
    /* Begins one request. The host calls it on a thread that may block, from many threads at once; it
       may do the work before it returns, or return and answer from another thread. deadline_ms: how
       long the host waits for the answer; 0 means that it does not say. */
    void (*call)(tbe_instance *self, tbe_call call, tbe_bytes method, tbe_bytes request, uint64_t deadline_ms);
    /* Asks for an early end of a request that may already be answered. Returns at once. An answer is
       still owed. */
    void (*cancel)(tbe_instance *self, tbe_call call);
    /* Gives an instance back, once every request of it was answered and every function returned. */
    void (*close)(tbe_instance *self);
};

#if defined(_WIN32)
#define TBE_EXPORT __declspec(dllexport)
#else
#define TBE_EXPORT __attribute__((visibility("default")))
#endif

/* The only symbol. Returns NULL to refuse this host, for example because its table is too small.
   Does nothing else that takes time. */
TBE_EXPORT const tbe_plugin_v2 *tbengine_plugin_v2(const tbe_host_v2 *host);

#ifdef __cplusplus
}
#endif

#endif
