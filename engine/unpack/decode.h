/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decompression: one layer, told by magic, checked to its last byte. */
#pragma once

#include "engine/unpack/stage.h"

#include <stdatomic.h>

/** What a decoder may need beside its input: a larger dictionary or window is refused. */
#define VZR_DECODE_MEMORY ((uint64_t)40 << 20)
/** log2 of the largest zstd window: 32 MiB. */
#define VZR_ZSTD_WINDOW_LOG 25

/** The archive's bytes as the decoders take them: a cursor over the reader's blocks. */
struct vzr_input {
	struct vzr_stage *stage;
	const unsigned char *data; /**< what is left of the current block */
	size_t len;
	bool ended;
	atomic_ullong consumed; /**< bytes of blocks that were opened so far */
};

/** Makes data/len hold at least one byte, or sets ended. */
VZR_MUST_CHECK int vzr_input_more(struct vzr_input *input, struct vzr_error *err);

/** A running decoder. */
struct vzr_decoder {
	const struct vzr_decoder_ops *ops;
	void *state;
	struct vzr_input *input;
	uint64_t produced;
	unsigned int max_ratio; /**< produced to consumed bytes, past VZR_RATIO_FREE */
};

/** Bytes that may come out whatever the ratio. */
#define VZR_RATIO_FREE ((uint64_t)64 << 20)

/** A compression. One file each. */
struct vzr_decoder_ops {
	const char *name;	/**< "gzip", ... */
	unsigned char magic[8]; /**< how its files begin */
	size_t magic_len;
	/** Makes the state. */
	int (*open)(struct vzr_decoder *decoder, struct vzr_error *err);
	/**
	 * Fills @out with up to @size bytes; *ret_len 0 only at the verified end of the input.
	 * Truncation, wrong check sums and bytes behind the end are -VZR_E_ARCHIVE.
	 */
	int (*fill)(struct vzr_decoder *decoder, void *out, size_t size, size_t *ret_len,
		    struct vzr_error *err);
	void (*close)(struct vzr_decoder *decoder);
};

extern const struct vzr_decoder_ops vzr_decoder_gzip;
extern const struct vzr_decoder_ops vzr_decoder_xz;
extern const struct vzr_decoder_ops vzr_decoder_zstd;
extern const struct vzr_decoder_ops vzr_decoder_bzip2;
extern const struct vzr_decoder_ops vzr_decoder_lz4;

/** The compression whose magic @data begins with, or NULL. */
const struct vzr_decoder_ops *vzr_decoder_find(const unsigned char *data, size_t len);

/**
 * What a file that begins with these bytes looks like ("a zip archive", "a qcow2 disk image", "an
 * empty file"), or NULL. For messages. Static.
 */
const char *vzr_magic_name(const unsigned char *data, size_t len);

/** Fill function of a stage over a struct vzr_decoder: ops->fill and the ratio's limit. */
int vzr_decoder_fill(void *decoder, void *out, size_t size, size_t *ret_len, struct vzr_error *err);
