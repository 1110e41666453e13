/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader and decoder as two stages. */
#include "engine/unpack/feed.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/decode.h"
#include "engine/unpack/header.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Large blocks: handing one over wakes a thread, which costs more than what the caches gain. */
#define READ_BLOCK ((size_t)512 << 10)
#define READ_BLOCKS 4u
#define TAR_BLOCK ((size_t)1 << 20)
#define TAR_BLOCKS 4u

struct vzr_feed {
	int fd;
	bool stream;	 /* no file: what comes, comes once */
	uint64_t offset; /* the reader's */
	uint64_t total;
	struct vzr_hash *sha256;
	struct vzr_hash *sha512; /* NULL unless it is expected */
	const struct vzr_digest *expected;
	bool threads;
	struct vzr_stage *reader;
	struct vzr_input input;
	struct vzr_decoder decoder; /* ops NULL: a plain tar */
	struct vzr_stage *tar;
	bool checked; /* the first block was looked at */
};

static int read_fill(void *data, void *block, size_t size, size_t *ret_len, struct vzr_error *err)
{
	struct vzr_feed *feed = data;
	size_t len = 0;

	while (len < size) {
		char *at = (char *)block + len;
		ssize_t n = feed->stream ? read(feed->fd, at, size - len)
					 : pread(feed->fd, at, size - len, (off_t)feed->offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vzr_fail_errno(err, "cannot read the archive");
		if (n == 0)
			break;
		len += (size_t)n;
		feed->offset += (uint64_t)n;
	}
	vzr_hash_add(feed->sha256, block, len);
	if (feed->sha512)
		vzr_hash_add(feed->sha512, block, len);
	*ret_len = len;
	return 0;
}

int vzr_feed_new(int fd, const struct vzr_digest *expected, bool threads,
		 struct vzr_feed **ret_feed, struct vzr_error *err)
{
	struct vzr_feed *feed = calloc(1, sizeof(*feed));
	struct stat st;
	int r;

	if (!feed)
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	feed->fd = fd;
	feed->expected = expected;
	feed->threads = threads;
	r = fstat(fd, &st) < 0 ? vzr_fail_errno(err, "cannot look at the archive") : 0;
	if (r == 0) {
		feed->stream = !S_ISREG(st.st_mode);
		feed->total = st.st_size > 0 ? (uint64_t)st.st_size : 0;
		r = vzr_hash_new(VZR_SHA256, &feed->sha256);
		if (r == 0 && expected && expected->algo == VZR_SHA512)
			r = vzr_hash_new(VZR_SHA512, &feed->sha512);
		if (r < 0)
			vzr_fail_code(err, r, "cannot hash the archive");
	}
	if (r == 0)
		r = vzr_stage_new(read_fill, feed, READ_BLOCK, threads ? READ_BLOCKS : 1,
				  &feed->reader, err);
	if (r < 0) {
		vzr_feed_free(feed);
		return r;
	}
	feed->input.stage = feed->reader;
	*ret_feed = feed;
	return 0;
}

void vzr_feed_free(struct vzr_feed *feed)
{
	if (!feed)
		return;
	/* The reader lives on until the decoder, which may wait for it, has ended. */
	vzr_stage_free(feed->tar);
	vzr_stage_free(feed->reader);
	if (feed->decoder.ops)
		feed->decoder.ops->close(&feed->decoder);
	vzr_hash_free(feed->sha256);
	vzr_hash_free(feed->sha512);
	free(feed);
}

int vzr_feed_start(struct vzr_feed *feed, unsigned int max_ratio, struct vzr_error *err)
{
	const struct vzr_decoder_ops *ops;
	int r = vzr_input_more(&feed->input, err);

	if (r < 0)
		return r;
	if (feed->input.ended)
		return vzr_fail(err, -VZR_E_ARCHIVE, "not a tar archive: the file is empty");
	ops = vzr_decoder_find(feed->input.data, feed->input.len);
	if (!ops)
		return 0;
	feed->decoder.input = &feed->input;
	feed->decoder.max_ratio = max_ratio;
	feed->decoder.ops = ops;
	r = ops->open(&feed->decoder, err);
	if (r < 0) {
		feed->decoder.ops = NULL;
		return r;
	}
	return vzr_stage_new(vzr_decoder_fill, &feed->decoder, TAR_BLOCK,
			     feed->threads ? TAR_BLOCKS : 1, &feed->tar, err);
}

static bool all_zero(const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i])
			return false;
	return true;
}

/* The first bytes of what should be a tar. */
static int check_first(const struct vzr_feed *feed, const unsigned char *data, size_t len,
		       struct vzr_error *err)
{
	const struct vzr_decoder_ops *inner = vzr_decoder_find(data, len);
	const char *what = vzr_magic_name(data, len);
	const char *where = feed->decoder.ops ? " inside the compression" : "";

	if (len >= 512 && (vzr_header_sum_ok(data) || all_zero(data, 512)))
		return 0;
	if (inner)
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"not a tar archive: it is compressed twice (%s inside %s)",
				inner->name, vzr_feed_compression(feed));
	if (!what && len < 512)
		what = "something shorter than a tar can be";
	if (!what)
		what = "nothing that is known here";
	return vzr_fail(err, -VZR_E_ARCHIVE, "not a tar archive: it looks like %s%s", what, where);
}

int vzr_feed_next(struct vzr_feed *feed, const void **ret_block, size_t *ret_len,
		  struct vzr_error *err)
{
	int r;

	if (feed->tar) {
		r = vzr_stage_next(feed->tar, ret_block, ret_len, err);
	} else {
		r = vzr_input_more(&feed->input, err);
		*ret_block = feed->input.data;
		*ret_len = feed->input.len;
		feed->input.len = 0;
	}
	if (r < 0 || feed->checked)
		return r;
	feed->checked = true;
	return check_first(feed, *ret_block, *ret_len, err);
}

uint64_t vzr_feed_position(const struct vzr_feed *feed, uint64_t *ret_total)
{
	*ret_total = feed->total;
	return atomic_load_explicit(&feed->input.consumed, memory_order_relaxed);
}

const char *vzr_feed_compression(const struct vzr_feed *feed)
{
	return feed->decoder.ops ? feed->decoder.ops->name : "none";
}

static int check_digest(const struct vzr_digest *expected, const struct vzr_digest *got,
			struct vzr_error *err)
{
	char a[VZR_DIGEST_TEXT], b[VZR_DIGEST_TEXT];

	if (vzr_digest_equal(expected, got))
		return 0;
	return vzr_fail(err, -VZR_E_DIGEST, "the archive's bytes are %s, but must be %s",
			vzr_digest_text(got, a), vzr_digest_text(expected, b));
}

int vzr_feed_digest(struct vzr_feed *feed, struct vzr_digest *ret_sha256, uint64_t *ret_bytes,
		    struct vzr_error *err)
{
	struct vzr_digest sha256, sha512;

	if (feed->tar)
		vzr_stage_stop(feed->tar);
	do {
		int r;

		feed->input.len = 0;
		r = vzr_input_more(&feed->input, err);
		if (r < 0)
			return r;
	} while (!feed->input.ended);
	vzr_hash_end(feed->sha256, &sha256);
	*ret_sha256 = sha256;
	*ret_bytes = feed->offset;
	if (feed->sha512) {
		vzr_hash_end(feed->sha512, &sha512);
		return check_digest(feed->expected, &sha512, err);
	}
	return feed->expected ? check_digest(feed->expected, &sha256, err) : 0;
}
