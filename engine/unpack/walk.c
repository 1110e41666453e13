/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parser's side of the pipeline: libarchive over the packed bytes, the scanner beside it. */
#include "engine/unpack/walk.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/scan.h"
#include "engine/unpack/sink.h"
#include "engine/unpack/feed.h"
#include "engine/unpack/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <iconv.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#define MAX_WRITERS 8 /* unless more are asked for */
#define PROGRESS_STEP ((uint64_t)1 << 20)
#define ROOM_BLOCK ((uint64_t)VZR_TALLY_KIB << 10)

struct vzr_walk {
	const struct vzr_unpack_job *job;
	struct vzr_tally tally;
	struct vzr_left_out left_out;
	struct vzr_feed *feed;
	struct vzr_scan *scan;
	struct vzr_sink *sink;
	struct archive *archive;
	struct vzr_member *member;
	locale_t locale;
	bool ended;		/* the end of the packed bytes was seen */
	uint64_t reported;	/* progress */
	struct vzr_error error; /* of the input or the scanner, while libarchive unwinds */
};

/* Names in PAX headers are UTF-8; in another locale libarchive warns of each that is not ASCII. */
static int set_up_locale(struct vzr_walk *walk, struct vzr_error *err)
{
	iconv_t warm;

	walk->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!walk->locale)
		return vzr_fail_errno(err, "cannot set the locale C.UTF-8 up");
	/* Its tables are files, which a confined process cannot open. */
	warm = iconv_open("UTF-8", "UTF-8");
	if (warm != (iconv_t)-1)
		iconv_close(warm);
	return 0;
}

static int set_up_archive(struct vzr_walk *walk, struct vzr_error *err)
{
	walk->archive = archive_read_new();
	if (!walk->archive || archive_read_support_format_tar(walk->archive) != ARCHIVE_OK)
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	return 0;
}

/*
 * Reading and decompressing keep a processor busy, and handing over costs a copy: on two of them
 * the parser writes by itself.
 */
static unsigned int count_writers(const struct vzr_unpack_job *job, bool threads)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (!threads)
		return 1;
	if (job->writers)
		return job->writers;
	return processors > MAX_WRITERS ? MAX_WRITERS
	       : processors > 2		? (unsigned int)processors - 1
					: 1;
}

int vzr_walk_new(const struct vzr_unpack_job *job, bool threads, struct vzr_walk **ret_walk,
		 struct vzr_error *err)
{
	struct vzr_walk *walk = calloc(1, sizeof(*walk));
	int r;

	if (!walk)
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	walk->member = calloc(1, sizeof(*walk->member));
	if (!walk->member) {
		free(walk);
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	}
	walk->job = job;
	walk->left_out.ctx = job->ctx;
	vzr_tally_init(&walk->tally, &job->limits);
	r = set_up_locale(walk, err);
	if (r == 0)
		r = set_up_archive(walk, err);
	if (r == 0)
		r = vzr_scan_new(&walk->scan, err);
	if (r == 0)
		r = vzr_feed_new(job->archive_fd, job->digest, threads, &walk->feed, err);
	if (r == 0)
		r = job->tree_fd < 0
			    ? vzr_measure_new(&walk->tally, &walk->left_out, &walk->sink, err)
			    : vzr_tree_new(job->tree_fd, count_writers(job, threads), &walk->tally,
					   &walk->left_out, &walk->sink, err);
	if (r < 0) {
		vzr_walk_free(walk);
		return r;
	}
	*ret_walk = walk;
	return 0;
}

void vzr_walk_free(struct vzr_walk *walk)
{
	if (!walk)
		return;
	if (walk->archive)
		archive_read_free(walk->archive);
	if (walk->sink)
		walk->sink->ops->free(walk->sink);
	vzr_feed_free(walk->feed);
	vzr_scan_free(walk->scan);
	vzr_member_reset(walk->member);
	free(walk->member);
	if (walk->locale)
		freelocale(walk->locale);
	free(walk);
}

static void report_progress(struct vzr_walk *walk)
{
	uint64_t total, at = vzr_feed_position(walk->feed, &total);

	if (at - walk->reported < PROGRESS_STEP && !walk->ended)
		return;
	walk->reported = at;
	vzr_progress(walk->job->ctx, "unpack", at, total);
}

/* The next block of the tar, seen by the scanner before anyone else. */
static int next_block(struct vzr_walk *walk, const void **ret_block, size_t *ret_len,
		      struct vzr_error *err)
{
	int r = vzr_cancelled(walk->job->ctx, err);

	*ret_len = 0;
	if (r == 0 && !walk->ended)
		r = vzr_feed_next(walk->feed, ret_block, ret_len, err);
	if (r < 0)
		return r;
	walk->ended = *ret_len == 0;
	report_progress(walk);
	return vzr_scan_feed(walk->scan, *ret_block, *ret_len, err);
}

static ssize_t give(struct archive *archive, void *data, const void **ret_block)
{
	struct vzr_walk *walk = data;
	size_t len = 0;

	if (walk->error.code == 0) {
		int r = next_block(walk, ret_block, &len, &walk->error);

		if (r == 0)
			return (ssize_t)len;
		walk->error.code = r;
	}
	archive_set_error(archive, EIO, "the input failed");
	return ARCHIVE_FATAL;
}

/* What libarchive says, or what made it say so. */
static int archive_failed(struct vzr_walk *walk, struct vzr_error *err)
{
	const char *text = archive_error_string(walk->archive);

	if (walk->error.code < 0) {
		if (err)
			*err = walk->error;
		return walk->error.code;
	}
	if (archive_errno(walk->archive) == ENOMEM)
		return vzr_fail_code(err, -ENOMEM, "cannot read the tar");
	/* At the end of the input it is what the scanner can tell that is wrong. */
	if (walk->ended) {
		int r = vzr_scan_end(walk->scan, err);

		if (r < 0)
			return r;
	}
	return vzr_fail(err, -VZR_E_ARCHIVE, "the tar is damaged: %s",
			text ? text : "its headers cannot be read");
}

/* Room that a sparse file takes: the blocks that data falls into, each once. */
static int count_room(struct vzr_walk *walk, uint64_t offset, uint64_t len, uint64_t *next_room,
		      struct vzr_error *err)
{
	uint64_t first = offset / ROOM_BLOCK, last = (offset + len - 1) / ROOM_BLOCK;

	if (!walk->member->sparse || len == 0)
		return 0;
	if (first < *next_room)
		first = *next_room;
	if (last < first)
		return 0;
	*next_room = last + 1;
	return vzr_tally_room(&walk->tally, (last - first + 1) * VZR_TALLY_KIB, err);
}

static int copy_data(struct vzr_walk *walk, struct vzr_error *err)
{
	uint64_t end = 0, next_room = 0;

	for (;;) {
		const void *block = NULL;
		size_t len = 0;
		int64_t offset = 0;
		int r = archive_read_data_block(walk->archive, &block, &len, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK)
			return archive_failed(walk, err);
		if (len == 0)
			continue;
		if (offset < 0 || (uint64_t)offset < end || len > walk->member->size ||
		    (uint64_t)offset > walk->member->size - len)
			return vzr_fail(err, -VZR_E_ARCHIVE,
					"its data does not lie inside its %llu bytes",
					(unsigned long long)walk->member->size);
		end = (uint64_t)offset + len;
		r = count_room(walk, (uint64_t)offset, len, &next_room, err);
		if (r == 0)
			r = walk->sink->ops->data(walk->sink, block, len, (uint64_t)offset, err);
		if (r < 0)
			return r;
	}
	if (!walk->member->sparse && end != walk->member->size)
		return vzr_fail(err, -VZR_E_ARCHIVE, "it has %llu bytes instead of %llu",
				(unsigned long long)end, (unsigned long long)walk->member->size);
	return 0;
}

static const char *raw_name(struct archive_entry *entry, const struct vzr_scan_member *seen)
{
	const char *name = seen->path || !entry ? seen->path : archive_entry_pathname(entry);

	return name ? name : seen->header_name;
}

static int make_member(struct vzr_walk *walk, struct archive_entry *entry,
		       const struct vzr_scan_member *seen, struct vzr_error *err)
{
	struct vzr_member *member = walk->member;
	int r = vzr_tally_entry(&walk->tally, err);

	if (r < 0)
		return r;
	walk->left_out.member = walk->tally.entries;
	vzr_brief(raw_name(entry, seen), member->shown);
	r = vzr_member_read(entry, seen, walk->tally.limits.depth, &walk->left_out, member, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = walk->sink->ops->begin(walk->sink, member, err);
	if (r < 0 || member->type != VZR_MEMBER_FILE)
		return r;
	r = copy_data(walk, err);
	return r < 0 ? r : walk->sink->ops->end(walk->sink, &walk->member, err);
}

/* Names of extended headers come from the scanner: that libarchive cannot convert one is nothing.
 */
static bool is_harmless(const struct vzr_walk *walk, const struct vzr_scan_member *seen)
{
	const char *text = archive_error_string(walk->archive);

	return seen->not_utf8 && text && strstr(text, "can't be converted");
}

/* One member. 1: the end of the archive. */
static int one_member(struct vzr_walk *walk, struct vzr_error *err)
{
	struct vzr_scan_member seen = {0};
	struct archive_entry *entry = NULL;
	char name[VZR_BRIEF];
	int result, r = 0;

	result = archive_read_next_header(walk->archive, &entry);
	if (result == ARCHIVE_EOF)
		return 1;
	if (walk->error.code < 0)
		return archive_failed(walk, err);
	if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
		entry = NULL;
		r = archive_failed(walk, err);
		if (!vzr_scan_take(walk->scan, &seen))
			return r;
	} else if (!vzr_scan_take(walk->scan, &seen) ||
		   (uint64_t)archive_read_header_position(walk->archive) != seen.offset) {
		r = vzr_fail(err, -VZR_E_ARCHIVE, "readers of tar do not agree where it begins");
	} else if (result == ARCHIVE_WARN && !is_harmless(walk, &seen)) {
		r = archive_failed(walk, err);
	} else {
		r = make_member(walk, entry, &seen, err);
	}
	if (r < 0 && walk->error.code == 0 && !walk->sink->named)
		r = vzr_wrap(err, r, "member '%s'", vzr_brief(raw_name(entry, &seen), name));
	vzr_member_reset(walk->member);
	vzr_scan_member_done(&seen);
	return r;
}

/* What follows the last member: zeros to the end of every layer. */
static int read_rest(struct vzr_walk *walk, struct vzr_error *err)
{
	struct vzr_scan_member seen = {0};
	char name[VZR_BRIEF];

	while (!walk->ended) {
		const void *block = NULL;
		size_t len;
		int r = next_block(walk, &block, &len, err);

		if (r < 0)
			return r;
	}
	if (vzr_scan_take(walk->scan, &seen)) {
		int r;

		vzr_brief(raw_name(NULL, &seen), name);
		r = vzr_fail(err, -VZR_E_ARCHIVE,
			     "readers of tar do not agree on whether member '%s' is in it", name);
		vzr_scan_member_done(&seen);
		return r;
	}
	return vzr_scan_end(walk->scan, err);
}

static int walk_members(struct vzr_walk *walk, struct vzr_error *err)
{
	int r = vzr_feed_start(walk->feed, walk->tally.limits.ratio, err);

	if (r < 0)
		return r;
	if (archive_read_open(walk->archive, walk, NULL, give, NULL) != ARCHIVE_OK) {
		/* An empty or very short tar is nothing that libarchive would know. */
		if (walk->error.code == 0 && (r = read_rest(walk, err)) < 0)
			return r;
		return archive_failed(walk, err);
	}
	while (r == 0)
		r = one_member(walk, err);
	return r < 0 ? r : read_rest(walk, err);
}

/* If the bytes are wrong, that is what went wrong, whatever the parser stumbled over. */
static int settle_failure(struct vzr_walk *walk, int code, struct vzr_error *err)
{
	struct vzr_error other = VZR_ERROR_INIT;
	struct vzr_digest sha256;
	uint64_t bytes;

	if (!walk->job->digest ||
	    (code != -VZR_E_ARCHIVE && code != -VZR_E_REFUSED && code != -VZR_E_LIMIT))
		return code;
	if (vzr_feed_digest(walk->feed, &sha256, &bytes, &other) != -VZR_E_DIGEST)
		return code;
	if (err)
		*err = other;
	return -VZR_E_DIGEST;
}

/* What failed in the hands of the sink was earlier in the archive than what the parser met. */
static int drain(struct vzr_walk *walk, int code, struct vzr_error *err)
{
	struct vzr_error other = VZR_ERROR_INIT;
	int r;

	if (walk->sink->named)
		return code;
	r = walk->sink->ops->drain(walk->sink, &other);
	if (r == 0 || code == -VZR_E_CANCELLED)
		return code;
	if (err)
		*err = other;
	return r;
}

static int run(struct vzr_walk *walk, struct vzr_unpack_result *ret_result, struct vzr_error *err)
{
	struct vzr_unpack_result result = {0};
	int r = drain(walk, walk_members(walk, err), err);

	if (r < 0)
		return settle_failure(walk, r, err);
	r = vzr_feed_digest(walk->feed, &result.sha256, &result.archive_bytes, err);
	if (r == 0)
		r = walk->sink->ops->finish(walk->sink, err);
	if (r < 0)
		return r;
	vzr_left_out_report(&walk->left_out);
	result.entries = walk->tally.entries;
	result.inodes = walk->tally.inodes;
	result.bytes = walk->tally.bytes;
	result.kib = walk->tally.kib;
	result.left_out = walk->left_out.total;
	snprintf(result.compression, sizeof(result.compression), "%s",
		 vzr_feed_compression(walk->feed));
	*ret_result = result;
	return 0;
}

int vzr_walk_run(struct vzr_walk *walk, struct vzr_unpack_result *ret_result, struct vzr_error *err)
{
	locale_t before = uselocale(walk->locale);
	int r = run(walk, ret_result, err);

	uselocale(before);
	if (r < 0 && walk->job->label)
		return vzr_wrap(err, r, "%s", walk->job->label);
	return r;
}
