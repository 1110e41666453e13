/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One 512-byte tar header. */
#include "engine/unpack/header.h"

#include <stdio.h>
#include <string.h>

#define SIZE_AT 124
#define SIZE_LEN 12
#define SUM_AT 148
#define SUM_LEN 8
#define TYPE_AT 156
#define MAGIC_AT 257
#define PREFIX_AT 345
#define IS_EXTENDED_AT 482

/* Octal with blanks in front, ended by a blank or NUL. False: no number. */
static bool parse_octal(const unsigned char *field, size_t len, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	if (i < len && field[i] != ' ' && field[i] != '\0')
		return false;
	*ret = value;
	return true;
}

bool vzr_header_sum_ok(const unsigned char *block)
{
	uint64_t want;
	uint32_t sum = 0;
	int32_t signed_sum = 0;

	if (!parse_octal(block + SUM_AT, SUM_LEN, &want))
		return false;
	for (size_t i = 0; i < 512; i++) {
		unsigned char c = i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : block[i];

		sum += c;
		signed_sum += (signed char)c;
	}
	return want == sum || (signed_sum >= 0 && want == (uint32_t)signed_sum);
}

char vzr_header_type(const unsigned char *block)
{
	char type = (char)block[TYPE_AT];

	return type == '\0' || type == '7' ? '0' : type;
}

int vzr_header_size(const unsigned char *block, uint64_t *ret_size, struct vzr_error *err)
{
	const unsigned char *field = block + SIZE_AT;
	uint64_t value = 0;

	if (!(field[0] & 0x80)) {
		if (parse_octal(field, SIZE_LEN, ret_size))
			return 0;
		return vzr_fail(err, -VZR_E_ARCHIVE, "its size is no number");
	}
	/* 0x80: positive, base 256; 0xff: negative. */
	for (size_t i = 1; i < SIZE_LEN - 8; i++)
		if (field[i])
			return vzr_fail(err, -VZR_E_ARCHIVE, "its size is out of range");
	for (size_t i = SIZE_LEN - 8; i < SIZE_LEN; i++)
		value = value << 8 | field[i];
	if (field[0] != 0x80 || value > INT64_MAX)
		return vzr_fail(err, -VZR_E_ARCHIVE, "its size is out of range");
	*ret_size = value;
	return 0;
}

bool vzr_header_more_sparse(const unsigned char *block)
{
	return block[IS_EXTENDED_AT] != 0;
}

int vzr_header_check_type(char type, uint64_t size, struct vzr_error *err)
{
	if (type == '0' || type == 'S')
		return 0;
	if (type == 'M' || type == 'D' || type == 'N' || type == 'V' || type == 'X')
		return vzr_fail(err, -VZR_E_REFUSED,
				"members of type '%c' (multi-volume, incremental or label) are not "
				"supported",
				type);
	if (type < '1' || type > '6')
		return vzr_fail(err, -VZR_E_REFUSED, "it has the unknown type 0x%02x",
				(unsigned int)(unsigned char)type);
	if (size > 0)
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"it says it has %llu bytes of data, but only a file has data",
				(unsigned long long)size);
	return 0;
}

char *vzr_header_name(const unsigned char *block, char out[VZR_TAR_NAME])
{
	bool ustar = memcmp(block + MAGIC_AT, "ustar\0", 6) == 0;

	snprintf(out, VZR_TAR_NAME, "%.*s%s%.100s", ustar ? 155 : 0,
		 (const char *)block + PREFIX_AT, ustar && block[PREFIX_AT] ? "/" : "",
		 (const char *)block);
	return out;
}
