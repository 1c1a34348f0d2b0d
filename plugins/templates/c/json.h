/* As much JSON as a plugin needs: check a document, find a key, compare a text. No allocation, no recursion
 * deeper than JSON_DEPTH. Replace it with a library of your choice when you need more. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_DEPTH = 64 };

/* A value within a document: its text, quotes included. `at` is NULL if there is none. */
typedef struct {
    const char *at;
    size_t len;
} json;

static const char *json_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
    return p;
}

static const char *json_string(const char *p, const char *end) {
    if (p >= end || *p != '"') return NULL;
    for (p++; p < end; p++) {
        if (*p == '"') return p + 1;
        if ((unsigned char)*p < 0x20) return NULL;
        if (*p == '\\') p++;
    }
    return NULL;
}

/* Gives where the value ends, or NULL if it is none. */
static const char *json_value(const char *p, const char *end, int depth) {
    p = json_blank(p, end);
    if (p >= end || depth > JSON_DEPTH) return NULL;
    if (*p == '"') return json_string(p, end);
    if (*p == '{' || *p == '[') {
        char close = *p == '{' ? '}' : ']';
        p = json_blank(p + 1, end);
        if (p < end && *p == close) return p + 1;
        for (;;) {
            if (close == '}') {
                p = json_string(json_blank(p, end), end);
                if (!p) return NULL;
                p = json_blank(p, end);
                if (p >= end || *p++ != ':') return NULL;
            }
            p = json_value(p, end, depth + 1);
            if (!p) return NULL;
            p = json_blank(p, end);
            if (p >= end) return NULL;
            if (*p == close) return p + 1;
            if (*p++ != ',') return NULL;
        }
    }
    const char *word[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t len = strlen(word[i]);
        if ((size_t)(end - p) >= len && !memcmp(p, word[i], len)) return p + len;
    }
    const char *start = p;
    while (p < end && strchr("+-0123456789.eE", *p) && *p) p++;
    return p > start ? p : NULL;
}

/* The document, if it is an object and nothing else. */
static json json_object(const void *bytes, size_t len) {
    json none = {NULL, 0};
    if (len == 0) return none;
    const char *p = bytes, *end = p + len;
    p = json_blank(p, end);
    const char *after = json_value(p, end, 0);
    if (!after || *p != '{' || json_blank(after, end) != end) return none;
    return (json){p, (size_t)(after - p)};
}

/* The value of a key of an object. */
static json json_get(json object, const char *key) {
    json none = {NULL, 0};
    if (!object.at || *object.at != '{') return none;
    const char *end = object.at + object.len, *p = json_blank(object.at + 1, end);
    while (p < end && *p == '"') {
        const char *name = p + 1;
        p = json_string(p, end);
        size_t len = (size_t)(p - name - 1);
        p = json_blank(json_blank(p, end) + 1, end);
        const char *after = json_value(p, end, 1);
        if (len == strlen(key) && !memcmp(name, key, len)) return (json){p, (size_t)(after - p)};
        p = json_blank(after, end);
        p = json_blank(p + (p < end && *p == ','), end);
    }
    return none;
}

/* Whether it is this text (which needs no escapes). */
static bool json_is(json value, const char *text) {
    size_t len = strlen(text);
    return value.at && value.len == len + 2 && *value.at == '"' && !memcmp(value.at + 1, text, len);
}

static bool json_null(json value) { return !value.at || *value.at == 'n'; }

static size_t json_number(json value, size_t otherwise) {
    if (!value.at || *value.at < '0' || *value.at > '9') return otherwise;
    return strtoul(value.at, NULL, 10);
}

#endif
