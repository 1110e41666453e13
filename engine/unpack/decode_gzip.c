/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gzip by ISA-L where it is built in, else by zlib. Both check the CRC and the length of each
 * member here, which libarchive does not.
 */
#include "config.h"
#include "engine/unpack/decode.h"

#include "engine/base/cleanup.h"

#if HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <string.h>
#include <zlib.h>
#endif

static int damaged(struct vzr_error *err, const char *what)
{
	return vzr_fail(err, -VZR_E_ARCHIVE, "the gzip data is damaged: %s", what);
}

#if HAVE_ISAL

struct gzip {
	struct inflate_state inflate;
	bool in_member;
	bool any; /* a member has ended */
};

static int gzip_open(struct vzr_decoder *decoder, struct vzr_error *err)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	if (!gzip)
		return vzr_fail_code(err, -ENOMEM, "cannot unpack gzip");
	decoder->state = gzip;
	return 0;
}

static void gzip_close(struct vzr_decoder *decoder)
{
	free(decoder->state);
}

static const char *inflate_error(int code)
{
	switch (code) {
	case ISAL_INCORRECT_CHECKSUM:
		return "wrong CRC or length";
	case ISAL_INVALID_WRAPPER:
	case ISAL_UNSUPPORTED_METHOD:
		return "what follows a member is no gzip header";
	default:
		return "invalid compressed data";
	}
}

/* One call of the decoder over the current input block. */
static int step(struct gzip *gzip, struct vzr_input *input, struct vzr_error *err)
{
	struct inflate_state *s = &gzip->inflate;
	int r;

	if (!gzip->in_member) {
		unsigned char *out = s->next_out;
		uint32_t room = s->avail_out;

		isal_inflate_init(s);
		s->crc_flag = ISAL_GZIP;
		s->next_out = out;
		s->avail_out = room;
		gzip->in_member = true;
	}
	s->next_in = (unsigned char *)(uintptr_t)input->data;
	s->avail_in = (uint32_t)input->len;
	r = isal_inflate(s);
	if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT)
		return damaged(err, inflate_error(r));
	input->data += input->len - s->avail_in;
	input->len = s->avail_in;
	if (s->block_state == ISAL_BLOCK_FINISH) {
		gzip->in_member = false;
		gzip->any = true;
	}
	return 0;
}

static int gzip_fill(struct vzr_decoder *decoder, void *out, size_t size, size_t *ret_len,
		     struct vzr_error *err)
{
	struct gzip *gzip = decoder->state;
	struct vzr_input *input = decoder->input;
	struct inflate_state *s = &gzip->inflate;

	s->next_out = out;
	s->avail_out = (uint32_t)size;
	while (s->avail_out > 0) {
		uint32_t room = s->avail_out;
		int r = vzr_input_more(input, err);

		if (r < 0)
			return r;
		if (input->ended && !gzip->in_member)
			break;
		r = step(gzip, input, err);
		if (r < 0)
			return r;
		if (input->ended && gzip->in_member && s->avail_out == room)
			return vzr_fail(err, -VZR_E_ARCHIVE, "the gzip data is truncated");
	}
	*ret_len = size - s->avail_out;
	return 0;
}

#else

struct gzip {
	z_stream z;
	bool in_member;
};

static int gzip_open(struct vzr_decoder *decoder, struct vzr_error *err)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	if (!gzip || inflateInit2(&gzip->z, MAX_WBITS + 16) != Z_OK) {
		free(gzip);
		return vzr_fail_code(err, -ENOMEM, "cannot unpack gzip");
	}
	decoder->state = gzip;
	return 0;
}

static void gzip_close(struct vzr_decoder *decoder)
{
	struct gzip *gzip = decoder->state;

	inflateEnd(&gzip->z);
	free(gzip);
}

static int step(struct gzip *gzip, struct vzr_input *input, struct vzr_error *err)
{
	int r;

	if (!gzip->in_member) {
		inflateReset(&gzip->z);
		gzip->in_member = true;
	}
	gzip->z.next_in = (unsigned char *)(uintptr_t)input->data;
	gzip->z.avail_in = (unsigned int)input->len;
	r = inflate(&gzip->z, Z_NO_FLUSH);
	if (r == Z_MEM_ERROR)
		return vzr_fail_code(err, -ENOMEM, "cannot unpack gzip");
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR) {
		const char *text = gzip->z.msg ? gzip->z.msg : "";

		if (strcmp(text, "incorrect header check") == 0)
			return damaged(err, "what follows a member is no gzip header");
		if (strcmp(text, "incorrect data check") == 0 ||
		    strcmp(text, "incorrect length check") == 0)
			return damaged(err, "wrong CRC or length");
		return damaged(err, gzip->z.msg ? gzip->z.msg : "invalid compressed data");
	}
	input->data += input->len - gzip->z.avail_in;
	input->len = gzip->z.avail_in;
	if (r == Z_STREAM_END)
		gzip->in_member = false;
	return 0;
}

static int gzip_fill(struct vzr_decoder *decoder, void *out, size_t size, size_t *ret_len,
		     struct vzr_error *err)
{
	struct gzip *gzip = decoder->state;
	struct vzr_input *input = decoder->input;

	gzip->z.next_out = out;
	gzip->z.avail_out = (unsigned int)size;
	while (gzip->z.avail_out > 0) {
		unsigned int room = gzip->z.avail_out;
		int r = vzr_input_more(input, err);

		if (r < 0)
			return r;
		if (input->ended && !gzip->in_member)
			break;
		r = step(gzip, input, err);
		if (r < 0)
			return r;
		if (input->ended && gzip->in_member && gzip->z.avail_out == room)
			return vzr_fail(err, -VZR_E_ARCHIVE, "the gzip data is truncated");
	}
	*ret_len = size - gzip->z.avail_out;
	return 0;
}

#endif

const struct vzr_decoder_ops vzr_decoder_gzip = {
	.name = "gzip",
	.magic = {0x1f, 0x8b},
	.magic_len = 2,
	.open = gzip_open,
	.fill = gzip_fill,
	.close = gzip_close,
};
