/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which compression an archive has, and what is common to all of them. */
#include "engine/unpack/decode.h"

#include "engine/base/cleanup.h"

#include <string.h>

static const struct vzr_decoder_ops *const decoders[] = {
	&vzr_decoder_gzip, &vzr_decoder_xz, &vzr_decoder_zstd, &vzr_decoder_bzip2, &vzr_decoder_lz4,
};

/* Files that people hand over by mistake, so that the message can say what they have. */
static const struct {
	const char *name;
	size_t offset;
	const char *magic;
	size_t len;
} magics[] = {
	{"a zip archive", 0, "PK\3\4", 4},
	{"an empty zip archive", 0, "PK\5\6", 4},
	{"a squashfs image", 0, "hsqs", 4},
	{"a qcow2 disk image", 0, "QFI\xfb", 4},
	{"a VMDK disk image", 0, "KDMV", 4},
	{"a VHDX disk image", 0, "vhdxfile", 8},
	{"a 7-Zip archive", 0, "7z\xbc\xaf\x27\x1c", 6},
	{"a RAR archive", 0, "Rar!\x1a\7", 6},
	{"an lzip file", 0, "LZIP", 4},
	{"an lrzip file", 0, "LRZI", 4},
	{"an lzop file", 0, "\x89LZO", 4},
	{"a grzip file", 0, "GRZipII\0\2\4:)", 12},
	{"an lzma file (recompress it with xz)", 0, "\x5d\0\0", 3},
	{"a compress (.Z) file", 0, "\x1f\x9d", 2},
	{"a cpio archive", 0, "07070", 5},
	{"a Debian package or ar archive", 0, "!<arch>", 7},
	{"an RPM package", 0, "\xed\xab\xee\xdb", 4},
	{"a xar archive", 0, "xar!", 4},
	{"a CAB archive", 0, "MSCF", 4},
	{"a WARC file", 0, "WARC/", 5},
	{"an mtree listing", 0, "#mtree", 6},
	{"a shell script", 0, "#!", 2},
	{"an ELF program", 0,
	 "\x7f"
	 "ELF",
	 4},
	{"a web page", 0, "<!DOCTYPE", 9},
	{"a web page", 0, "<!doctype", 9},
	{"a web page", 0, "<html", 5},
	{"an XML document", 0, "<?xml", 5},
	{"a PGP message", 0, "-----BEGIN PGP", 14},
	{"an ISO 9660 image", 32769, "CD001", 5},
	{"an ext2, ext3 or ext4 image", 1080, "\x53\xef", 2},
	{"an XFS image", 0, "XFSB", 4},
	{"a btrfs image", 65600, "_BHRfS_M", 8},
	{"a disk image with a partition table", 510, "\x55\xaa", 2},
};

const struct vzr_decoder_ops *vzr_decoder_find(const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < VZR_COUNT(decoders); i++)
		if (len >= decoders[i]->magic_len &&
		    memcmp(data, decoders[i]->magic, decoders[i]->magic_len) == 0)
			return decoders[i];
	return NULL;
}

const char *vzr_magic_name(const unsigned char *data, size_t len)
{
	if (len == 0)
		return "an empty file";
	for (size_t i = 0; i < VZR_COUNT(magics); i++)
		if (len >= magics[i].offset + magics[i].len &&
		    memcmp(data + magics[i].offset, magics[i].magic, magics[i].len) == 0)
			return magics[i].name;
	return NULL;
}

int vzr_input_more(struct vzr_input *input, struct vzr_error *err)
{
	const void *block = NULL;
	int r;

	if (input->len > 0 || input->ended)
		return 0;
	r = vzr_stage_next(input->stage, &block, &input->len, err);
	if (r < 0)
		return r;
	input->data = block;
	input->ended = input->len == 0;
	atomic_fetch_add_explicit(&input->consumed, input->len, memory_order_relaxed);
	return 0;
}

int vzr_decoder_fill(void *data, void *out, size_t size, size_t *ret_len, struct vzr_error *err)
{
	struct vzr_decoder *decoder = data;
	uint64_t consumed, most;
	int r = decoder->ops->fill(decoder, out, size, ret_len, err);

	if (r < 0)
		return r;
	decoder->produced += *ret_len;
	consumed = atomic_load_explicit(&decoder->input->consumed, memory_order_relaxed) -
		   decoder->input->len;
	if (__builtin_mul_overflow(consumed, (uint64_t)decoder->max_ratio, &most))
		most = UINT64_MAX;
	if (decoder->produced > VZR_RATIO_FREE && decoder->produced > most)
		return vzr_fail(err, -VZR_E_LIMIT,
				"the archive unpacks to more than %u times its size (%llu bytes "
				"out "
				"of %llu so far): it looks like a decompression bomb",
				decoder->max_ratio, (unsigned long long)decoder->produced,
				(unsigned long long)consumed);
	return 0;
}
