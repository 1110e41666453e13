/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a document is refused for by its bytes alone: size, encoding, compression, shape. */
#include "engine/domain/internal.h"

#include <string.h>
#include <strings.h>

/*
 * libxml2 compares each attribute of a tag with each other one: 100,000 of them take 16 s. The
 * counts are taken between two '<' without any state, so that no trick with quotes or with
 * ill-formed XML (which libxml2 reads on) gets past them.
 */
#define TAG_ATTRIBUTES 256
#define NAMESPACES 256
#define TAGS 131072

struct magic {
	const char *bytes;
	size_t length;
	const char *what;
};

static const struct magic magics[] = {
	{ "\x1f\x8b", 2, "is compressed with gzip; decompress it first" },
	{ "BZh", 3, "is compressed with bzip2; decompress it first" },
	{ "\xfd"
	  "7zXZ",
	  5, "is compressed with xz; decompress it first" },
	{ "\x28\xb5\x2f\xfd", 4, "is compressed with zstd; decompress it first" },
	{ "\xff\xfe", 2, "is in UTF-16 or UTF-32; only UTF-8 is accepted" },
	{ "\xfe\xff", 2, "is in UTF-16; only UTF-8 is accepted" },
	{ "\0\0\xfe\xff", 4, "is in UTF-32; only UTF-8 is accepted" },
	{ "<\0", 2, "is in UTF-16 or UTF-32; only UTF-8 is accepted" },
	{ "\0<", 2, "is in UTF-16; only UTF-8 is accepted" },
	{ "\0\0", 2, "is not text" },
	{ "+ADw-", 5, "is in UTF-7; only UTF-8 is accepted" },
	{ "\x4c\x6f\xa7\x94", 4, "is in EBCDIC; only UTF-8 is accepted" },
};

/* Length of the UTF-8 sequence at @s (at most @left bytes), 0 if it is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	static const unsigned char first[] = { 0, 0, 0xc2, 0xe0, 0xf0, 0xf5 };
	unsigned int c;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	for (n = 1; n < 5 && s[0] >= first[n + 1]; n++)
		;
	if (n < 2 || n > 4 || n > left)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

static int check_bytes(struct vzr_load *load)
{
	const unsigned char *s = (const unsigned char *)load->text;

	for (size_t at = 0, n; at < load->length; at += n) {
		if (!s[at])
			return vzr_xml_fail(load, at, "a NUL byte is not XML");
		n = utf8_length(s + at, load->length - at);
		if (!n)
			return vzr_xml_fail(load, at,
					    "byte 0x%02x is not UTF-8, and only UTF-8 is accepted",
					    s[at]);
	}
	return 0;
}

/* What <?xml encoding=?> says must be what the bytes are. */
static int check_declaration(struct vzr_load *load)
{
	static const char *const fine[] = { "utf-8", "utf8", "us-ascii", "ascii" };
	size_t start = load->length >= 3 && !memcmp(load->text, "\xef\xbb\xbf", 3) ? 3 : 0;
	const char *p = load->text + start, *end, *at;
	char quote, name[32];
	size_t n;

	if (load->length - start < 6 || memcmp(p, "<?xml", 5) != 0)
		return 0;
	end = memmem(p, load->length - start, "?>", 2);
	at = end ? memmem(p, (size_t)(end - p), "encoding", 8) : NULL;
	if (!at)
		return 0;
	for (at += 8; at < end && strchr(" \t\r\n=", *at); at++)
		;
	quote = *at++;
	if (at >= end || (quote != '"' && quote != '\''))
		return 0;
	for (n = 0; at + n < end && at[n] != quote && n + 1 < sizeof(name); n++)
		name[n] = at[n];
	name[n] = '\0';
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		if (!strcasecmp(name, fine[i]))
			return 0;
	return vzr_xml_fail(load, (size_t)(at - load->text),
			    "encoding '%s' is not accepted; write the document in UTF-8", name);
}

static bool starts(const struct vzr_load *load, size_t at, const char *text)
{
	size_t n = strlen(text);

	return load->length - at >= n && !memcmp(load->text + at, text, n);
}

/* True if an attribute's '=' stands at @at: blanks and a quote follow. */
static bool assigns(const struct vzr_load *load, size_t at)
{
	if (load->text[at] != '=')
		return false;
	for (at++; at < load->length && strchr(" \t\r\n", load->text[at]); at++)
		;
	return at < load->length && (load->text[at] == '"' || load->text[at] == '\'');
}

static int check_shape(struct vzr_load *load)
{
	size_t tags = 0, attributes = 0, namespaces = 0;

	for (size_t at = 0; at < load->length; at++) {
		switch (load->text[at]) {
		case '<':
			attributes = 0;
			if (++tags > TAGS)
				return vzr_xml_fail(load, at, "more than %d tags", TAGS);
			if (starts(load, at, "<?oasis-xml-catalog"))
				return vzr_xml_fail(load, at, "an XML catalog is not accepted");
			break;
		case '=':
			attributes += assigns(load, at);
			if (attributes > TAG_ATTRIBUTES)
				return vzr_xml_fail(load, at, "more than %d attributes in one tag",
						    TAG_ATTRIBUTES);
			break;
		case 'x':
			namespaces += starts(load, at, "xmlns");
			if (namespaces > NAMESPACES)
				return vzr_xml_fail(load, at, "more than %d namespaces",
						    NAMESPACES);
			break;
		default:
			break;
		}
	}
	return 0;
}

int vzr_xml_guard(struct vzr_load *load)
{
	int r;

	if (load->length > VZR_XML_MAX)
		return vzr_xml_fail(load, 0, "the document is larger than %u KiB",
				    VZR_XML_MAX / 1024);
	if (!load->length)
		return vzr_xml_fail(load, 0, "the document is empty");
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (load->length >= magics[i].length &&
		    !memcmp(load->text, magics[i].bytes, magics[i].length))
			return vzr_xml_fail(load, 0, "the document %s", magics[i].what);
	r = check_bytes(load);
	if (r == 0)
		r = check_declaration(load);
	return r < 0 ? r : check_shape(load);
}
