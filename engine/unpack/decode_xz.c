/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xz by liblzma: blocks side by side where there are several, within a memory limit. */
#include "engine/unpack/decode.h"

#include "engine/base/cleanup.h"

#include <lzma.h>
#include <unistd.h>

#define MAX_THREADS 4 /* more do not fit into the memory limit, whatever the blocks */

struct xz {
	lzma_stream lzma;
	bool ended;
};

static uint32_t count_threads(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors > MAX_THREADS ? MAX_THREADS : processors > 1 ? (uint32_t)processors : 1;
}

/* Its threads start with the first block: where one block is all there is, none does. */
static int xz_open(struct vzr_decoder *decoder, struct vzr_error *err)
{
	struct xz *xz = calloc(1, sizeof(*xz));
	const lzma_mt options = {
		.flags = LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK,
		.threads = count_threads(),
		.memlimit_threading = VZR_DECODE_MEMORY, /* fewer threads rather than more */
		.memlimit_stop = VZR_DECODE_MEMORY,
	};

	if (!xz || lzma_stream_decoder_mt(&xz->lzma, &options) != LZMA_OK) {
		free(xz);
		return vzr_fail_code(err, -ENOMEM, "cannot unpack xz");
	}
	decoder->state = xz;
	return 0;
}

static void xz_close(struct vzr_decoder *decoder)
{
	struct xz *xz = decoder->state;

	lzma_end(&xz->lzma);
	free(xz);
}

static int xz_error(const struct xz *xz, lzma_ret code, struct vzr_error *err)
{
	const char *what = "invalid compressed data or wrong check sum";

	if (code == LZMA_MEM_ERROR)
		return vzr_fail_code(err, -ENOMEM, "cannot unpack xz");
	if (code == LZMA_MEMLIMIT_ERROR)
		return vzr_fail(err, -VZR_E_LIMIT,
				"unpacking this xz archive takes %llu MiB of memory, the limit is "
				"%llu MiB; recompress it with xz -8 or less",
				(unsigned long long)(lzma_memusage(&xz->lzma) >> 20),
				(unsigned long long)(VZR_DECODE_MEMORY >> 20));
	if (code == LZMA_UNSUPPORTED_CHECK)
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"the xz data has a kind of check sum that this liblzma lacks");
	if (code == LZMA_BUF_ERROR)
		return vzr_fail(err, -VZR_E_ARCHIVE, "the xz data is truncated");
	if (code == LZMA_FORMAT_ERROR)
		what = "what follows a stream is no xz header";
	else if (code == LZMA_OPTIONS_ERROR)
		what = "a filter that is not supported";
	return vzr_fail(err, -VZR_E_ARCHIVE, "the xz data is damaged: %s", what);
}

static int xz_fill(struct vzr_decoder *decoder, void *out, size_t size, size_t *ret_len,
		   struct vzr_error *err)
{
	struct xz *xz = decoder->state;
	struct vzr_input *input = decoder->input;

	xz->lzma.next_out = out;
	xz->lzma.avail_out = size;
	while (xz->lzma.avail_out > 0 && !xz->ended) {
		lzma_ret code;
		int r = vzr_input_more(input, err);

		if (r < 0)
			return r;
		xz->lzma.next_in = input->data;
		xz->lzma.avail_in = input->len;
		code = lzma_code(&xz->lzma, input->ended ? LZMA_FINISH : LZMA_RUN);
		input->data = xz->lzma.next_in;
		input->len = xz->lzma.avail_in;
		xz->ended = code == LZMA_STREAM_END;
		if (code != LZMA_OK && code != LZMA_STREAM_END)
			return xz_error(xz, code, err);
	}
	*ret_len = size - xz->lzma.avail_out;
	return 0;
}

const struct vzr_decoder_ops vzr_decoder_xz = {
	.name = "xz",
	.magic = {0xfd, '7', 'z', 'X', 'Z', 0},
	.magic_len = 6,
	.open = xz_open,
	.fill = xz_fill,
	.close = xz_close,
};
