/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of a PAX extended header. */
#include "engine/unpack/scan.h"

#include "engine/base/cleanup.h"
#include "engine/base/size.h"

#include <string.h>

#define MAX_KEYS 512

struct record {
	const char *key;
	size_t key_len;
	const char *value;
	size_t value_len;
};

static bool key_is(const struct record *record, const char *key)
{
	return record->key_len == strlen(key) && memcmp(record->key, key, record->key_len) == 0;
}

static bool key_begins(const struct record *record, const char *prefix)
{
	size_t len = strlen(prefix);

	return record->key_len >= len && memcmp(record->key, prefix, len) == 0;
}

static int bad_record(struct vzr_error *err, const struct record *record, const char *what)
{
	return vzr_fail(err, -VZR_E_ARCHIVE, "its extended header has %s '%.*s'", what,
			record->key_len > 80 ? 80 : (int)record->key_len, record->key);
}

/* "LEN KEY=VALUE\n", LEN counting all of it. Moves *pos behind it. */
static int next_record(const char *body, size_t len, size_t *pos, struct record *ret,
		       struct vzr_error *err)
{
	const char *start = body + *pos, *end = body + len, *p = start, *equals;
	size_t size = 0;

	while (p < end && *p >= '0' && *p <= '9' && p - start < 8)
		size = size * 10 + (size_t)(*p++ - '0');
	if (p == start || p == end || *p != ' ' || size > (size_t)(end - start) ||
	    size < (size_t)(p - start) + 4 || start[size - 1] != '\n')
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"its extended header is damaged (record at byte %zu)", *pos);
	p++;
	equals = memchr(p, '=', size - (size_t)(p - start) - 1);
	if (!equals || equals == p)
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"its extended header has a record without a key");
	ret->key = p;
	ret->key_len = (size_t)(equals - p);
	ret->value = equals + 1;
	ret->value_len = size - 1 - (size_t)(ret->value - start);
	*pos += size;
	return 0;
}

/* A decimal number of seconds with a fraction; the value is rounded down to a nanosecond. */
static int parse_time(const struct record *record, struct vzr_pax *pax, struct vzr_error *err)
{
	const char *p = record->value, *end = p + record->value_len;
	bool negative = p < end && *p == '-';
	int64_t seconds = 0;
	uint32_t ns = 0, unit = 100000000;
	bool rest = false;

	p += negative;
	if (p == end || *p < '0' || *p > '9')
		return bad_record(err, record, "a time that is no number:");
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(seconds, (int64_t)10, &seconds) ||
		    __builtin_add_overflow(seconds, (int64_t)(*p - '0'), &seconds))
			return bad_record(err, record, "a time that is too large:");
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
			ns += unit * (uint32_t)(*p - '0');
			rest |= unit == 0 && *p != '0';
			unit /= 10;
		}
	if (p != end)
		return bad_record(err, record, "a time that is no number:");
	if (negative) {
		seconds = -seconds;
		ns += rest;
		if (ns > 0) {
			seconds--;
			ns = 1000000000 - ns;
		}
	}
	pax->has_mtime = true;
	pax->mtime_s = seconds;
	pax->mtime_ns = ns;
	return 0;
}

static int parse_size(const struct record *record, struct vzr_pax *pax, struct vzr_error *err)
{
	char text[24];

	if (record->value_len == 0 || record->value_len >= sizeof(text))
		return bad_record(err, record, "a size that is no number:");
	memcpy(text, record->value, record->value_len);
	text[record->value_len] = '\0';
	if (vzr_parse_uint(text, INT64_MAX, &pax->size) < 0)
		return bad_record(err, record, "a size that is no number:");
	pax->has_size = true;
	return 0;
}

/* Well-formed as RFC 3629 has it, roughly: enough to know what libarchive will not convert. */
static bool is_utf8(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

		if (c > 0xf4 || (c >= 0x80 && c < 0xc2) || n > len - i)
			return false;
		for (size_t k = 1; k < n; k++)
			if (((unsigned char)text[i + k] & 0xc0) != 0x80)
				return false;
		if ((c == 0xe0 && (unsigned char)text[i + 1] < 0xa0) ||
		    (c == 0xed && (unsigned char)text[i + 1] > 0x9f) ||
		    (c == 0xf0 && (unsigned char)text[i + 1] < 0x90) ||
		    (c == 0xf4 && (unsigned char)text[i + 1] > 0x8f))
			return false;
		i += n;
	}
	return true;
}

static int parse_name(const struct record *record, struct vzr_buf *name, struct vzr_error *err)
{
	int r;

	if (memchr(record->value, '\0', record->value_len))
		return bad_record(err, record, "a NUL byte in");
	name->len = 0;
	name->max = VZR_PAX_MAX + 1;
	r = vzr_buf_add(name, record->value, record->value_len);
	return r < 0 ? vzr_fail_code(err, r, "cannot read an extended header") : 0;
}

static int apply(const struct record *record, struct vzr_pax *pax, struct vzr_error *err)
{
	if ((key_is(record, "path") || key_is(record, "linkpath") || key_is(record, "uname") ||
	     key_is(record, "gname") || key_is(record, "GNU.sparse.name")) &&
	    !is_utf8(record->value, record->value_len))
		pax->not_utf8 = true;
	if (key_is(record, "size"))
		return parse_size(record, pax, err);
	if (key_is(record, "mtime"))
		return parse_time(record, pax, err);
	if (key_is(record, "linkpath")) {
		pax->has_link = true;
		return parse_name(record, &pax->link, err);
	}
	if (key_begins(record, "GNU.sparse.")) {
		pax->sparse = true;
		if (key_is(record, "GNU.sparse.major"))
			pax->sparse_map = record->value_len != 1 || record->value[0] != '0';
		if (!key_is(record, "GNU.sparse.name"))
			return 0;
		pax->has_path = true;
		return parse_name(record, &pax->path, err);
	}
	/* GNU.sparse.name stands before or after "path", and wins. */
	if (key_is(record, "path") && !(pax->sparse && pax->has_path)) {
		pax->has_path = true;
		return parse_name(record, &pax->path, err);
	}
	return 0;
}

/* FNV-1a; two keys of one header with the same hash are looked at again by nobody: refused. */
static uint64_t hash_key(const struct record *record)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < record->key_len; i++)
		hash = (hash ^ (unsigned char)record->key[i]) * 1099511628211u;
	return hash;
}

static int check_global(const struct record *record, struct vzr_error *err)
{
	if (key_is(record, "comment"))
		return 0;
	return vzr_fail(err, -VZR_E_REFUSED,
			"a global extended header sets '%.*s' for all members after it; readers do "
			"not agree on that",
			record->key_len > 80 ? 80 : (int)record->key_len, record->key);
}

int vzr_pax_parse(const char *body, size_t len, bool is_global, struct vzr_pax *pax,
		  struct vzr_error *err)
{
	uint64_t seen[MAX_KEYS];
	size_t n_seen = 0, pos = 0;

	while (pos < len) {
		struct record record;
		uint64_t hash;
		int r = next_record(body, len, &pos, &record, err);

		if (r < 0)
			return r;
		if (is_global) {
			r = check_global(&record, err);
			if (r < 0)
				return r;
			continue;
		}
		r = apply(&record, pax, err);
		if (r < 0)
			return r;
		if (key_is(&record, "GNU.sparse.offset") || key_is(&record, "GNU.sparse.numbytes"))
			continue; /* repeated on purpose in the 0.0 format */
		hash = hash_key(&record);
		for (size_t i = 0; i < n_seen; i++)
			if (seen[i] == hash)
				return bad_record(err, &record, "twice the key");
		if (n_seen == MAX_KEYS)
			return vzr_fail(err, -VZR_E_LIMIT,
					"its extended header has more than %d keys", MAX_KEYS);
		seen[n_seen++] = hash;
	}
	if (!is_global)
		pax->present = true;
	return 0;
}

void vzr_pax_done(struct vzr_pax *pax)
{
	vzr_buf_done(&pax->path);
	vzr_buf_done(&pax->link);
	*pax = (struct vzr_pax){0};
}
