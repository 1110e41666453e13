/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zstd by libzstd, with a limit on the window. */
#include "engine/unpack/decode.h"

#include "engine/base/cleanup.h"

#include <zstd.h>
#include <zstd_errors.h>

struct zstd {
	ZSTD_DCtx *ctx;
	bool in_frame;
};

static void zstd_close(struct vzr_decoder *decoder)
{
	struct zstd *zstd = decoder->state;

	ZSTD_freeDCtx(zstd->ctx);
	free(zstd);
}

static int zstd_open(struct vzr_decoder *decoder, struct vzr_error *err)
{
	struct zstd *zstd = calloc(1, sizeof(*zstd));

	if (!zstd)
		return vzr_fail_code(err, -ENOMEM, "cannot unpack zstd");
	decoder->state = zstd;
	zstd->ctx = ZSTD_createDCtx();
	if (!zstd->ctx || ZSTD_isError(ZSTD_DCtx_setParameter(zstd->ctx, ZSTD_d_windowLogMax,
							      VZR_ZSTD_WINDOW_LOG))) {
		zstd_close(decoder);
		return vzr_fail_code(err, -ENOMEM, "cannot unpack zstd");
	}
	return 0;
}

static int zstd_error(size_t result, struct vzr_error *err)
{
	ZSTD_ErrorCode code = ZSTD_getErrorCode(result);

	if (code == ZSTD_error_memory_allocation)
		return vzr_fail_code(err, -ENOMEM, "cannot unpack zstd");
	if (code == ZSTD_error_frameParameter_windowTooLarge)
		return vzr_fail(err, -VZR_E_LIMIT,
				"this zstd archive needs a window of more than %u MiB; recompress "
				"it "
				"without --ultra -21, --ultra -22 and --long",
				1u << (VZR_ZSTD_WINDOW_LOG - 20));
	if (code == ZSTD_error_prefix_unknown)
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"the zstd data is damaged: what follows a frame is no zstd header");
	return vzr_fail(err, -VZR_E_ARCHIVE, "the zstd data is damaged: %s",
			ZSTD_getErrorName(result));
}

static int zstd_fill(struct vzr_decoder *decoder, void *out, size_t size, size_t *ret_len,
		     struct vzr_error *err)
{
	struct zstd *zstd = decoder->state;
	struct vzr_input *input = decoder->input;
	ZSTD_outBuffer o = {.dst = out, .size = size};

	while (o.pos < o.size) {
		ZSTD_inBuffer i;
		size_t before = o.pos, left;
		int r = vzr_input_more(input, err);

		if (r < 0)
			return r;
		if (input->ended && !zstd->in_frame)
			break;
		i = (ZSTD_inBuffer){.src = input->data, .size = input->len};
		left = ZSTD_decompressStream(zstd->ctx, &o, &i);
		if (ZSTD_isError(left))
			return zstd_error(left, err);
		input->data += i.pos;
		input->len -= i.pos;
		zstd->in_frame = left > 0;
		if (input->ended && zstd->in_frame && o.pos == before)
			return vzr_fail(err, -VZR_E_ARCHIVE, "the zstd data is truncated");
	}
	*ret_len = o.pos;
	return 0;
}

const struct vzr_decoder_ops vzr_decoder_zstd = {
	.name = "zstd",
	.magic = {0x28, 0xb5, 0x2f, 0xfd},
	.magic_len = 4,
	.open = zstd_open,
	.fill = zstd_fill,
	.close = zstd_close,
};
