/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KEY="value" files, read as vzctl reads them and never evaluated. */
#include "engine/base/kv.h"

#include "engine/base/cleanup.h"

#include <ctype.h>
#include <string.h>

static void line_done(struct vzr_kv_line *line)
{
	free(line->raw);
	free(line->key);
	free(line->value);
}

void vzr_kv_done(struct vzr_kv *kv)
{
	for (size_t i = 0; i < kv->count; i++)
		line_done(&kv->lines[i]);
	free(kv->lines);
	*kv = (struct vzr_kv){ 0 };
}

static int add_line(struct vzr_kv *kv, struct vzr_kv_line line)
{
	if (kv->count == kv->size) {
		size_t size = kv->size ? kv->size * 2 : 32;
		struct vzr_kv_line *lines = reallocarray(kv->lines, size, sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		kv->lines = lines;
		kv->size = size;
	}
	kv->lines[kv->count++] = line;
	return 0;
}

static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		*out++ = *text;
	}
	*out = '\0';
}

/* A '#' right behind the value would be part of it for a shell. */
static bool only_comment(const char *text)
{
	size_t blanks = strspn(text, " \t");

	return text[blanks] == '\0' || (blanks && text[blanks] == '#');
}

/*
 * Cuts the value out of @text (what stands behind '='), in place.
 * Returns NULL if its quote is not closed; *ret_clean tells if nothing but a comment follows it.
 */
static char *cut_value(char *text, bool *ret_clean)
{
	char quote = *text;
	char *end;

	if (quote == '"' || quote == '\'') {
		end = quote == '"' ? strrchr(text + 1, quote) : strchr(text + 1, quote);
		if (!end)
			return NULL;
		*end = '\0';
		*ret_clean = only_comment(end + 1) && !(quote == '"' && strchr(text + 1, '"'));
		text++;
	} else {
		end = text + strcspn(text, " \t");
		*ret_clean = only_comment(end);
		*end = '\0';
	}
	if (quote != '\'')
		unescape(text);
	return text;
}

static bool strict_key(const char *key)
{
	if (!isalpha((unsigned char)*key))
		return false;
	for (; *key; key++)
		if (!isalnum((unsigned char)*key) && *key != '_' && *key != '-')
			return false;
	return true;
}

static int split(const struct vzr_kv *kv, struct vzr_kv_line *line, char *copy, bool strict,
		 struct vzr_error *err)
{
	char *key = copy + strspn(copy, " \t");
	char *eq = strchr(key, '=');
	bool clean = false;
	char *value;

	if (*key == '\0' || *key == '#')
		return 0;
	if (eq)
		*eq = '\0';
	if (strict && (!eq || !strict_key(key)))
		return vzr_fail(err, -VZR_E_CONFIG, "'%s' is not KEY=\"value\"", key);
	value = eq ? cut_value(eq + 1, &clean) : NULL;
	if (strict && !value)
		return vzr_fail(err, -VZR_E_CONFIG, "the quote after %s= is not closed", key);
	if (strict && !clean)
		return vzr_fail(err, -VZR_E_CONFIG, "text behind the value of %s", key);
	if (strict && vzr_kv_get(kv, key))
		return vzr_fail(err, -VZR_E_CONFIG, "%s stands there twice", key);
	if (!value)
		return 0;
	line->key = strdup(key);
	line->value = strdup(value);
	return line->key && line->value ? 0 : vzr_fail_code(err, -ENOMEM, "cannot read");
}

static int parse_line(struct vzr_kv *kv, const char *text, size_t len, bool strict,
		      struct vzr_error *err)
{
	struct vzr_kv_line line = { 0 };
	VZR_AUTO_FREE char *copy = NULL;
	int r;

	while (len > 0 && text[len - 1] == '\r')
		len--;
	copy = strndup(text, len);
	line.raw = strndup(text, len);
	if (!copy || !line.raw)
		r = vzr_fail_code(err, -ENOMEM, "cannot read");
	else
		r = split(kv, &line, copy, strict, err);
	if (r == 0)
		r = add_line(kv, line);
	if (r < 0)
		line_done(&line);
	return r;
}

int vzr_kv_parse(const char *text, size_t len, unsigned int flags, struct vzr_kv *ret_kv,
		 struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	unsigned int number = 1;

	if (len && memchr(text, '\0', len))
		return vzr_fail(err, -VZR_E_CONFIG, "the file has a NUL byte");
	for (size_t at = 0; at < len; number++) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t n = nl ? (size_t)(nl - text) - at : len - at;
		int r = parse_line(&kv, text + at, n, flags & VZR_KV_STRICT, err);

		if (r < 0) {
			if (err)
				err->line = number;
			return vzr_wrap(err, r, "line %u", number);
		}
		at += n + 1;
	}
	*ret_kv = kv;
	kv = (struct vzr_kv){ 0 };
	return 0;
}

const char *vzr_kv_get(const struct vzr_kv *kv, const char *key)
{
	for (size_t i = 0; i < kv->count; i++)
		if (kv->lines[i].key && strcmp(kv->lines[i].key, key) == 0)
			return kv->lines[i].value;
	return NULL;
}

/* "$VEID" or "${VEID}", and not the beginning of a longer name. */
static bool is_veid(const char *text)
{
	if (strncmp(text, "${VEID}", 7) == 0)
		return true;
	return strncmp(text, "$VEID", 5) == 0 && !isalnum((unsigned char)text[5]) &&
	       text[5] != '_';
}

static bool writable_value(const char *value)
{
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		if (*p < 0x20 || *p == 0x7f || strchr("\"`\\", *p))
			return false;
		if (*p == '$' && !is_veid((const char *)p))
			return false;
	}
	return true;
}

/* Drops lines with @key from index @from on. */
static void drop_from(struct vzr_kv *kv, const char *key, size_t from)
{
	size_t out = from;

	for (size_t i = from; i < kv->count; i++) {
		if (kv->lines[i].key && strcmp(kv->lines[i].key, key) == 0)
			line_done(&kv->lines[i]);
		else
			kv->lines[out++] = kv->lines[i];
	}
	kv->count = out;
}

int vzr_kv_set(struct vzr_kv *kv, const char *key, const char *value, struct vzr_error *err)
{
	struct vzr_kv_line line = { 0 };
	size_t at = 0;

	if (!writable_value(value))
		return vzr_fail(err, -VZR_E_INPUT,
				"%s cannot be '%s': quotes, '`', '\\', '$' and control "
				"characters cannot be written into a file that shells read",
				key, value);
	line.key = strdup(key);
	line.value = strdup(value);
	if (!line.key || !line.value) {
		line_done(&line);
		return vzr_fail_code(err, -ENOMEM, "cannot set %s", key);
	}
	while (at < kv->count && !(kv->lines[at].key && strcmp(kv->lines[at].key, key) == 0))
		at++;
	if (at == kv->count) {
		int r = add_line(kv, line);

		if (r < 0)
			line_done(&line);
		return r < 0 ? vzr_fail_code(err, r, "cannot set %s", key) : 0;
	}
	line_done(&kv->lines[at]);
	kv->lines[at] = line;
	drop_from(kv, key, at + 1);
	return 0;
}

int vzr_kv_printf(struct vzr_kv *kv, const char *key, struct vzr_error *err, const char *fmt, ...)
{
	VZR_AUTO_FREE char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot set %s", key);
	return vzr_kv_set(kv, key, text, err);
}

void vzr_kv_unset(struct vzr_kv *kv, const char *key)
{
	drop_from(kv, key, 0);
}

void vzr_kv_drop_duplicates(struct vzr_kv *kv)
{
	for (size_t i = 0; i < kv->count; i++) {
		if (!kv->lines[i].key)
			continue;
		drop_from(kv, kv->lines[i].key, i + 1);
	}
}

int vzr_kv_comment(struct vzr_kv *kv, const char *text, struct vzr_error *err)
{
	struct vzr_kv_line line = { .raw = strdup(text) };
	int r;

	if (text[0] != '#' || strchr(text, '\n')) {
		line_done(&line);
		return vzr_fail(err, -VZR_E_INPUT, "'%s' is not a comment line", text);
	}
	r = line.raw ? add_line(kv, line) : -ENOMEM;
	if (r < 0) {
		line_done(&line);
		return vzr_fail_code(err, r, "cannot add a comment");
	}
	return 0;
}

void vzr_kv_drop_comments(struct vzr_kv *kv, const char *prefix)
{
	size_t out = 0;

	for (size_t i = 0; i < kv->count; i++) {
		const struct vzr_kv_line *line = &kv->lines[i];

		if (!line->key && line->raw && strncmp(line->raw, prefix, strlen(prefix)) == 0)
			line_done(&kv->lines[i]);
		else
			kv->lines[out++] = kv->lines[i];
	}
	kv->count = out;
}

int vzr_kv_emit(const struct vzr_kv *kv, struct vzr_buf *buf)
{
	for (size_t i = 0; i < kv->count; i++) {
		const struct vzr_kv_line *line = &kv->lines[i];
		int r = line->raw ? vzr_buf_printf(buf, "%s\n", line->raw)
				  : vzr_buf_printf(buf, "%s=\"%s\"\n", line->key, line->value);

		if (r < 0)
			return r;
	}
	return 0;
}
