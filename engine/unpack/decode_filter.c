/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bzip2 and lz4 by libarchive's filters, each named outright: nothing is guessed, nothing is
 * stacked, no program is run.
 */
#include "engine/unpack/decode.h"

#include "engine/base/cleanup.h"

#include <archive.h>
#include <string.h>

struct filter {
	struct archive *archive;
	struct vzr_error error; /* of the input, while libarchive unwinds */
	uint64_t given;		/* bytes handed to libarchive */
};

static ssize_t read_input(struct archive *archive, void *data, const void **ret_block)
{
	struct vzr_decoder *decoder = data;
	struct filter *filter = decoder->state;
	struct vzr_input *input = decoder->input;
	size_t len;
	int r = vzr_input_more(input, &filter->error);

	if (r < 0) {
		archive_set_error(archive, EIO, "cannot read");
		return ARCHIVE_FATAL;
	}
	*ret_block = input->data;
	len = input->len;
	filter->given += len;
	input->len = 0;
	return (ssize_t)len;
}

static int filter_error(const struct vzr_decoder *decoder, struct vzr_error *err)
{
	const struct filter *filter = decoder->state;
	const char *text = archive_error_string(filter->archive);

	if (filter->error.code < 0) {
		if (err)
			*err = filter->error;
		return filter->error.code;
	}
	if (archive_errno(filter->archive) == ENOMEM)
		return vzr_fail_code(err, -ENOMEM, "cannot unpack %s", decoder->ops->name);
	if (text && strstr(text, "runcated"))
		return vzr_fail(err, -VZR_E_ARCHIVE, "the %s data is truncated",
				decoder->ops->name);
	return vzr_fail(err, -VZR_E_ARCHIVE, "the %s data is damaged: %s", decoder->ops->name,
			text ? text : "invalid compressed data");
}

static void filter_close(struct vzr_decoder *decoder)
{
	struct filter *filter = decoder->state;

	archive_read_free(filter->archive);
	free(filter);
}

/* Opening reads from the input, so it is done by the first fill, in the decoder's thread. */
static int filter_open(struct vzr_decoder *decoder, struct vzr_error *err)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	int code =
		strcmp(decoder->ops->name, "lz4") == 0 ? ARCHIVE_FILTER_LZ4 : ARCHIVE_FILTER_BZIP2;

	if (!filter)
		return vzr_fail_code(err, -ENOMEM, "cannot unpack %s", decoder->ops->name);
	decoder->state = filter;
	filter->archive = archive_read_new();
	if (!filter->archive || archive_read_set_format(filter->archive, ARCHIVE_FORMAT_RAW) ||
	    archive_read_append_filter(filter->archive, code)) {
		filter_close(decoder);
		return vzr_fail_code(err, -ENOMEM, "cannot unpack %s", decoder->ops->name);
	}
	return 0;
}

static int first(struct vzr_decoder *decoder, struct vzr_error *err)
{
	struct filter *filter = decoder->state;
	struct archive_entry *entry;

	if (archive_read_open(filter->archive, decoder, NULL, read_input, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(filter->archive, &entry) != ARCHIVE_OK)
		return filter_error(decoder, err);
	return 0;
}

/* libarchive ends at the last stream that it knows; here nothing may follow it. */
static int check_end(struct vzr_decoder *decoder, struct vzr_error *err)
{
	struct filter *filter = decoder->state;
	struct vzr_input *input = decoder->input;
	int64_t used = archive_filter_bytes(filter->archive, -1);
	int r = vzr_input_more(input, err);

	if (r < 0)
		return r;
	if (!input->ended || used < 0 || (uint64_t)used != filter->given)
		return vzr_fail(err, -VZR_E_ARCHIVE, "the %s data is followed by other bytes",
				decoder->ops->name);
	return 0;
}

static int filter_fill(struct vzr_decoder *decoder, void *out, size_t size, size_t *ret_len,
		       struct vzr_error *err)
{
	struct filter *filter = decoder->state;
	size_t len = 0;

	if (filter->given == 0) {
		int r = first(decoder, err);

		if (r < 0)
			return r;
	}
	while (len < size) {
		ssize_t n = archive_read_data(filter->archive, (char *)out + len, size - len);

		if (n < 0)
			return filter_error(decoder, err);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return len ? 0 : check_end(decoder, err);
}

const struct vzr_decoder_ops vzr_decoder_bzip2 = {
	.name = "bzip2",
	.magic = {'B', 'Z', 'h'},
	.magic_len = 3,
	.open = filter_open,
	.fill = filter_fill,
	.close = filter_close,
};

const struct vzr_decoder_ops vzr_decoder_lz4 = {
	.name = "lz4",
	.magic = {0x04, 0x22, 0x4d, 0x18},
	.magic_len = 4,
	.open = filter_open,
	.fill = filter_fill,
	.close = filter_close,
};
