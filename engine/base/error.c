/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors: one number, one sentence, no allocation. */
#include "engine/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	unsigned int code;
	const char *name;
} names[] = {
#define NAME(sym, value, name) { value, name },
	VZR_ERRORS(NAME)
#undef NAME
};

const char *vzr_error_name(int code)
{
	unsigned int value = code < 0 ? 0u - (unsigned int)code : (unsigned int)code;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == value)
			return names[i].name;
	if (value == ENOSPC)
		return "no-space";
	if (value == EDQUOT)
		return "over-quota";
	if (value > 0 && value < 1024)
		return "system";
	return "failed";
}

/* Length of the valid, printable UTF-8 sequence at @s; 0 if there is none. */
static size_t printable_length(const unsigned char *s)
{
	size_t n;
	unsigned int cp;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2, cp = s[0] & 0x1f;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3, cp = s[0] & 0x0f;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4, cp = s[0] & 0x07;
	else
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && cp < 0x800) || (n == 4 && (cp < 0x10000 || cp > 0x10ffff)))
		return 0;
	/* C1 controls, surrogates, and the marks that reorder or break a line on a terminal */
	if (cp < 0xa0 || (cp >= 0xd800 && cp <= 0xdfff) || (cp >= 0x200b && cp <= 0x200f) ||
	    (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069))
		return 0;
	return n;
}

char *vzr_escape(char *out, size_t size, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t used = 0;

	if (size == 0)
		return out;
	while (*s) {
		size_t n = printable_length(s);

		if (n > 0) {
			if (used + n >= size)
				break;
			memcpy(out + used, s, n);
			used += n;
			s += n;
			continue;
		}
		if (used + 4 >= size)
			break;
		used += (size_t)snprintf(out + used, size - used, "\\x%02x", *s++);
	}
	out[used] = '\0';
	return out;
}

static void fill(struct vzr_error *err, int code, const char *text)
{
	err->code = code;
	vzr_escape(err->msg, sizeof(err->msg), text);
}

int vzr_fail(struct vzr_error *err, int code, const char *fmt, ...)
{
	char text[sizeof(err->msg)];
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err->line = err->column = 0;
	fill(err, code, text);
	return code;
}

static int fail_reason(struct vzr_error *err, int code, const char *fmt, va_list ap)
	VZR_PRINTF(3, 0);

static int fail_reason(struct vzr_error *err, int code, const char *fmt, va_list ap)
{
	char text[sizeof(err->msg)];
	char reason[64];
	size_t room;

	if (!err)
		return code;
	snprintf(reason, sizeof(reason), ": %s", strerrordesc_np(-code) ? strerrordesc_np(-code)
									 : vzr_error_name(code));
	room = sizeof(text) - strlen(reason);
	vsnprintf(text, room, fmt, ap);
	memcpy(text + strlen(text), reason, strlen(reason) + 1);
	err->line = err->column = 0;
	fill(err, code, text);
	return code;
}

int vzr_fail_errno(struct vzr_error *err, const char *fmt, ...)
{
	int code = errno > 0 ? -errno : -EIO;
	va_list ap;

	va_start(ap, fmt);
	fail_reason(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int vzr_fail_code(struct vzr_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_reason(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int vzr_wrap(struct vzr_error *err, int code, const char *fmt, ...)
{
	char text[2 * sizeof(err->msg)];
	size_t used;
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(err->msg), fmt, ap);
	va_end(ap);
	used = strlen(text);
	snprintf(text + used, sizeof(text) - used, ": %s", err->msg);
	fill(err, err->code ? err->code : code, text);
	return code;
}
