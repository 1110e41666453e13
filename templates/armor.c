/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenPGP ASCII armor: gpgv reads binary keyrings only, keys are handed around armored. */
#include "templates/signature.h"

#include <ctype.h>
#include <string.h>

#define BEGIN "-----BEGIN PGP "
#define END "-----END PGP "
#define CRC24_INIT 0xb704ceu
#define CRC24_POLY 0x1864cfbu

static int base64_value(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* Decodes base64 of whole groups of four; '=' only at the end. */
static int decode(const char *text, size_t len, struct vzr_buf *out)
{
	if (len % 4 != 0)
		return -VZR_E_INPUT;
	for (size_t i = 0; i < len; i += 4) {
		size_t pad = i + 4 < len
				     ? 0
				     : (size_t)(text[i + 3] == '=') +
					       (size_t)(text[i + 3] == '=' && text[i + 2] == '=');
		uint32_t group = 0;
		unsigned char bytes[3];
		int r;

		for (size_t j = 0; j < 4; j++) {
			int value = j >= 4 - pad ? 0 : base64_value(text[i + j]);

			if (value < 0)
				return -VZR_E_INPUT;
			group = group << 6 | (uint32_t)value;
		}
		bytes[0] = (unsigned char)(group >> 16);
		bytes[1] = (unsigned char)(group >> 8 & 0xff);
		bytes[2] = (unsigned char)(group & 0xff);
		r = vzr_buf_add(out, bytes, 3 - pad);
		if (r < 0)
			return r;
	}
	return 0;
}

static uint32_t crc24(const char *data, size_t len)
{
	uint32_t crc = CRC24_INIT;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)(unsigned char)data[i] << 16;
		for (int bit = 0; bit < 8; bit++) {
			crc <<= 1;
			if (crc & 0x1000000u)
				crc ^= CRC24_POLY;
		}
	}
	return crc & 0xffffffu;
}

/* Gives the next line of *text without its end and blanks there; false at the end. */
static bool next_line(const char **text, const char *end, const char **ret_line, size_t *ret_len)
{
	const char *nl;

	if (*text >= end)
		return false;
	*ret_line = *text;
	nl = memchr(*text, '\n', (size_t)(end - *text));
	*ret_len = (size_t)((nl ? nl : end) - *text);
	while (*ret_len && isspace((unsigned char)(*ret_line)[*ret_len - 1]))
		(*ret_len)--;
	*text = nl ? nl + 1 : end;
	return true;
}

static bool starts(const char *line, size_t len, const char *prefix)
{
	return len >= strlen(prefix) && memcmp(line, prefix, strlen(prefix)) == 0;
}

static int check_crc(const char *line, const char *data, size_t len)
{
	VZR_AUTO_BUF struct vzr_buf sum = { 0 };
	uint32_t want;
	int r = decode(line, 4, &sum);

	if (r < 0 || sum.len != 3)
		return -VZR_E_INPUT;
	want = (uint32_t)(unsigned char)sum.data[0] << 16 |
	       (uint32_t)(unsigned char)sum.data[1] << 8 | (unsigned char)sum.data[2];
	return want == crc24(data, len) ? 0 : -VZR_E_INPUT;
}

/* Reads one block; *text stands behind its BEGIN line. */
static int read_block(const char **text, const char *end, struct vzr_buf *out)
{
	VZR_AUTO_BUF struct vzr_buf base64 = { .max = out->max };
	size_t start = out->len, len;
	const char *line;
	bool decoded = false;
	int r = 0;

	/* Armor headers ("Version: ...") end at the first empty line. */
	while (next_line(text, end, &line, &len) && len > 0)
		if (!memchr(line, ':', len))
			return -VZR_E_INPUT;
	while (r == 0 && next_line(text, end, &line, &len)) {
		bool sum = len == 5 && line[0] == '=';

		if (starts(line, len, END))
			return decoded ? 0 : decode(vzr_buf_cstr(&base64), base64.len, out);
		if (decoded)
			return -VZR_E_INPUT;
		if (!sum) {
			r = vzr_buf_add(&base64, line, len);
			continue;
		}
		decoded = true;
		r = decode(vzr_buf_cstr(&base64), base64.len, out);
		if (r == 0)
			r = check_crc(line + 1, out->data ? out->data + start : "",
				      out->len - start);
	}
	return r < 0 ? r : -VZR_E_INPUT;
}

int vzr_dearmor(const char *text, size_t len, struct vzr_buf *ret_packets, struct vzr_error *err)
{
	const char *end = text + len, *line;
	bool any = false;
	size_t n;
	int r = 0;

	/* The first byte of a packet has its top bit set, that of armor never has. */
	if (len == 0 || (unsigned char)text[0] & 0x80)
		return vzr_buf_add(ret_packets, text, len);
	while (r == 0 && next_line(&text, end, &line, &n))
		if (starts(line, n, BEGIN)) {
			any = true;
			r = read_block(&text, end, ret_packets);
		}
	if (r == 0 && !any)
		r = -VZR_E_INPUT;
	return r < 0 ? vzr_fail(err, r, "broken OpenPGP armor") : 0;
}
