/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers and sizes in text. */
#include "engine/base/size.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int vzr_parse_uint(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*text)
		return -VZR_E_INPUT;
	for (const char *p = text; *p; p++)
		if (*p < '0' || *p > '9')
			return -VZR_E_INPUT;
	for (const char *p = text; *p; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int vzr_unit_factor(const char *unit, uint64_t fallback, uint64_t *ret_factor)
{
	static const char letters[] = "kmgtpe";
	uint64_t base, factor = 1;
	const char *at;

	if (!*unit) {
		*ret_factor = fallback;
		return 0;
	}
	if (!strcasecmp(unit, "b") || !strcasecmp(unit, "byte") || !strcasecmp(unit, "bytes")) {
		*ret_factor = 1;
		return 0;
	}
	at = strchr(letters, unit[0] | 0x20);
	if (!at)
		return -VZR_E_INPUT;
	if (!unit[1] || !strcasecmp(unit + 1, "iB"))
		base = 1024;
	else if (!strcasecmp(unit + 1, "B"))
		base = 1000;
	else
		return -VZR_E_INPUT;
	for (const char *p = letters; p <= at; p++)
		factor *= base;
	*ret_factor = factor;
	return 0;
}

uint64_t vzr_kib_up(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

char *vzr_kib_text(uint64_t kib, char out[VZR_SIZE_TEXT])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned __int128 tenths = (unsigned __int128)kib * 10;
	size_t unit = 0;

	if (kib < 1024) {
		snprintf(out, VZR_SIZE_TEXT, "%llu KiB", (unsigned long long)kib);
		return out;
	}
	while (tenths >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		tenths = (tenths + 512) / 1024;
		unit++;
	}
	snprintf(out, VZR_SIZE_TEXT, "%llu.%llu %s", (unsigned long long)(tenths / 10),
		 (unsigned long long)(tenths % 10), units[unit]);
	return out;
}
