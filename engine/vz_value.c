/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of OpenVZ's configuration files: exact integer arithmetic, whatever the locale. */
#include "engine/vz_value.h"

#include <ctype.h>
#include <string.h>

#define MAX_VALUE ((uint64_t)INT64_MAX) /* LONG_MAX of a 64-bit vzctl */
#define FRACTION_MAX 1000000000000000000ull
#define PAGE_BYTES 4096u

static uint64_t suffix_factor(char c)
{
	switch (tolower((unsigned char)c)) {
	case 'b':
		return 1;
	case 'k':
		return 1ull << 10;
	case 'm':
		return 1ull << 20;
	case 'g':
		return 1ull << 30;
	case 't':
		return 1ull << 40;
	case 'p':
		return PAGE_BYTES;
	default:
		return 0;
	}
}

/* Reads digits into *ret_value; those behind @scale_max are without effect and skipped. */
static int read_digits(const char **text, uint64_t scale_max, uint64_t *ret_value,
		       uint64_t *ret_scale)
{
	uint64_t value = 0, scale = 1;

	if (!isdigit((unsigned char)**text))
		return -VZR_E_INPUT;
	for (; isdigit((unsigned char)**text); (*text)++) {
		if (scale_max && scale == scale_max)
			continue;
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**text - '0'), &value))
			return -VZR_E_INPUT;
		scale = scale_max ? scale * 10 : 1;
	}
	*ret_value = value;
	*ret_scale = scale;
	return 0;
}

static int read_number(const char **text, uint32_t divisor, uint64_t *ret_value)
{
	uint64_t whole, fraction = 0, scale = 1, unused;
	unsigned __int128 total, rest;
	uint64_t factor;

	if (read_digits(text, 0, &whole, &unused) < 0)
		return -VZR_E_INPUT;
	if (**text == '.') {
		(*text)++;
		if (**text != '\0' && isdigit((unsigned char)**text) &&
		    read_digits(text, FRACTION_MAX, &fraction, &scale) < 0)
			return -VZR_E_INPUT;
	}
	if (**text == '\0' || **text == ':') {
		*ret_value = whole;
		return whole > MAX_VALUE ? -VZR_E_INPUT : 0;
	}
	factor = suffix_factor(**text);
	if (!factor || whole > MAX_VALUE)
		return -VZR_E_INPUT;
	(*text)++;
	/* (whole + fraction / scale) * factor / divisor, without a product beyond 128 bits. */
	total = (unsigned __int128)whole * factor;
	rest = total % divisor * scale + (unsigned __int128)fraction * factor;
	total = total / divisor + rest / ((unsigned __int128)divisor * scale);
	if (total > MAX_VALUE)
		return -VZR_E_INPUT;
	*ret_value = (uint64_t)total;
	return 0;
}

int vzr_vz_limit_parse(const char *text, uint32_t divisor, struct vzr_vz_limit *ret_limit)
{
	struct vzr_vz_limit limit;

	if (read_number(&text, divisor, &limit.soft) < 0)
		return -VZR_E_INPUT;
	limit.hard = limit.soft;
	if (*text == ':') {
		text++;
		if (read_number(&text, divisor, &limit.hard) < 0)
			return -VZR_E_INPUT;
	}
	if (*text != '\0')
		return -VZR_E_INPUT;
	*ret_limit = limit;
	return 0;
}
