/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Follows a tar from header to header. */
#include "engine/unpack/scan.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/decode.h"
#include "engine/unpack/header.h"
#include "engine/unpack/text.h"

#include <string.h>

enum state {
	AT_HEADER,
	IN_EXTENSION, /* body of an x, g, L or K header: kept */
	IN_SPARSE,    /* blocks of an old GNU sparse map */
	IN_DATA,      /* skipped */
	AT_MARK,      /* one zero block was read */
	AT_END	      /* the mark was read: zeros to the end */
};

struct vzr_scan {
	enum state state;
	uint64_t pos;	 /* bytes read */
	uint64_t left;	 /* bytes of the current body that are still to come, padding too */
	size_t body_len; /* of an extension, without padding */
	char extension;	 /* its type */
	unsigned char block[VZR_TAR_BLOCK];
	size_t block_len;
	struct vzr_buf body;
	struct vzr_pax pax;
	bool long_name, long_link;
	bool begun;    /* a member's first block was read, its own header not yet */
	bool peek_map; /* the data begins with a PAX 1.0 sparse map */
	unsigned int regions;
	uint64_t n_members;
	struct vzr_scan_member current;
	/* Members that nobody took yet: at most one per block of what was fed at once. */
	struct vzr_scan_member *members;
	size_t n_waiting, n_taken, size;
};

int vzr_scan_new(struct vzr_scan **ret_scan, struct vzr_error *err)
{
	*ret_scan = calloc(1, sizeof(**ret_scan));
	if (!*ret_scan)
		return vzr_fail_code(err, -ENOMEM, "cannot read the archive");
	(*ret_scan)->body.max = VZR_PAX_MAX + VZR_TAR_BLOCK;
	return 0;
}

void vzr_scan_member_done(struct vzr_scan_member *member)
{
	free(member->path);
	free(member->link);
	*member = (struct vzr_scan_member){0};
}

void vzr_scan_free(struct vzr_scan *scan)
{
	if (!scan)
		return;
	while (scan->n_taken < scan->n_waiting)
		vzr_scan_member_done(&scan->members[scan->n_taken++]);
	free(scan->members);
	vzr_scan_member_done(&scan->current);
	vzr_pax_done(&scan->pax);
	vzr_buf_done(&scan->body);
	free(scan);
}

bool vzr_scan_take(struct vzr_scan *scan, struct vzr_scan_member *ret_member)
{
	if (scan->n_taken == scan->n_waiting)
		return false;
	*ret_member = scan->members[scan->n_taken++];
	if (scan->n_taken == scan->n_waiting)
		scan->n_taken = scan->n_waiting = 0;
	return true;
}

/* The best name that is known for the member being read, for messages. */
static const char *name_of(const struct vzr_scan *scan, char out[VZR_BRIEF])
{
	char name[VZR_TAR_NAME];

	if (scan->pax.has_path)
		return vzr_brief(vzr_buf_cstr(&scan->pax.path), out);
	if (scan->current.path)
		return vzr_brief(scan->current.path, out);
	/* The block may be a part of its sparse map by now. */
	if (scan->state == IN_SPARSE)
		return vzr_brief(scan->current.header_name, out);
	return vzr_brief(vzr_header_name(scan->block, name), out);
}

static int in_member(const struct vzr_scan *scan, int code, struct vzr_error *err)
{
	char name[VZR_BRIEF];

	return vzr_wrap(err, code, "member '%s'", name_of(scan, name));
}

static int push_member(struct vzr_scan *scan, struct vzr_error *err)
{
	if (scan->n_waiting == scan->size) {
		size_t size = scan->size ? scan->size * 2 : 64;
		struct vzr_scan_member *members = realloc(scan->members, size * sizeof(*members));

		if (!members)
			return vzr_fail_code(err, -ENOMEM, "cannot read the archive");
		scan->members = members;
		scan->size = size;
	}
	scan->members[scan->n_waiting++] = scan->current;
	scan->current = (struct vzr_scan_member){0};
	scan->begun = false;
	scan->long_name = scan->long_link = false;
	scan->n_members++;
	vzr_pax_done(&scan->pax);
	return 0;
}

/* Data (or the body of an extension) of @size bytes follows, padded to whole blocks. */
static int expect(struct vzr_scan *scan, enum state state, uint64_t size, struct vzr_error *err)
{
	if (__builtin_add_overflow(size, (uint64_t)VZR_TAR_BLOCK - 1, &scan->left) ||
	    size > INT64_MAX)
		return vzr_fail(err, -VZR_E_ARCHIVE, "its size is out of range");
	scan->left -= scan->left % VZR_TAR_BLOCK;
	scan->state = scan->left ? state : AT_HEADER;
	return 0;
}

/* The header's own size field against the one of the extended header. */
static int settle_size(const struct vzr_scan *scan, uint64_t field, uint64_t *ret_size,
		       struct vzr_error *err)
{
	const uint64_t too_large = 077777777777; /* what writers put where it does not fit */

	*ret_size = scan->pax.has_size ? scan->pax.size : field;
	if (scan->pax.has_size && field && field != too_large && field != scan->pax.size)
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"its header says %llu bytes, its extended header %llu",
				(unsigned long long)field, (unsigned long long)scan->pax.size);
	return 0;
}

static int begin_extension(struct vzr_scan *scan, char type, uint64_t size, struct vzr_error *err)
{
	bool again = (type == 'x' && scan->pax.present) || (type == 'L' && scan->long_name) ||
		     (type == 'K' && scan->long_link);

	if (again)
		return vzr_fail(err, -VZR_E_ARCHIVE, "it has two extended headers of type '%c'",
				type);
	if (size > VZR_PAX_MAX)
		return vzr_fail(err, -VZR_E_LIMIT,
				"its extended header has %llu bytes, the limit is %zu",
				(unsigned long long)size, VZR_PAX_MAX);
	if (size == 0)
		return vzr_fail(err, -VZR_E_ARCHIVE, "it has an empty extended header");
	scan->extension = type;
	scan->body_len = (size_t)size;
	scan->body.len = 0;
	return expect(scan, IN_EXTENSION, size, err);
}

static int finish_member(struct vzr_scan *scan, char type, uint64_t size, struct vzr_error *err)
{
	struct vzr_pax *pax = &scan->pax;
	struct vzr_scan_member *m = &scan->current;

	if ((scan->long_name && pax->has_path) || (scan->long_link && pax->has_link))
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"both a GNU and a PAX header name it; readers do not agree on "
				"which "
				"one counts");
	m->stored = size;
	m->sparse = pax->sparse || type == 'S';
	m->not_utf8 = pax->not_utf8;
	m->has_mtime = pax->has_mtime;
	m->mtime_s = pax->mtime_s;
	m->mtime_ns = pax->mtime_ns;
	if (pax->has_path) {
		m->path = vzr_buf_take(&pax->path);
		m->has_path = true;
	}
	if (pax->has_link) {
		m->link = vzr_buf_take(&pax->link);
		m->has_link = true;
	}
	scan->peek_map = pax->sparse_map && size > 0;
	return push_member(scan, err);
}

/* A header block with a good check sum. */
static int take_header(struct vzr_scan *scan, struct vzr_error *err)
{
	const unsigned char *block = scan->block;
	char type = vzr_header_type(block);
	uint64_t field = 0, size = 0;
	int r = vzr_header_size(block, &field, err);

	if (r < 0)
		return r;
	if (type == 'x' || type == 'g' || type == 'L' || type == 'K')
		return begin_extension(scan, type, field, err);
	memcpy(scan->current.header_name, block, sizeof(scan->current.header_name) - 1);
	r = settle_size(scan, field, &size, err);
	if (r == 0)
		r = vzr_header_check_type(type, size, err);
	if (r < 0)
		return r;
	scan->regions = 4;
	if (type == 'S' && vzr_header_more_sparse(block)) {
		/* The map goes on in blocks of its own; the data comes after them. */
		scan->current.stored = size;
		scan->state = IN_SPARSE;
		return 0;
	}
	r = expect(scan, IN_DATA, size, err);
	return r < 0 ? r : finish_member(scan, type, size, err);
}

static int take_block(struct vzr_scan *scan, struct vzr_error *err)
{
	static const unsigned char zero[VZR_TAR_BLOCK];
	bool empty = memcmp(scan->block, zero, sizeof(zero)) == 0;
	unsigned long long at = scan->pos - VZR_TAR_BLOCK;
	int r;

	if (scan->state == AT_MARK || empty) {
		if (scan->begun)
			return vzr_fail(err, -VZR_E_ARCHIVE,
					"the archive ends after an extended header, at byte %llu",
					at);
		if (!empty)
			return vzr_fail(err, -VZR_E_ARCHIVE,
					"a lone zero block is followed by data at byte %llu of the "
					"tar; the archive is damaged",
					at);
		scan->state = scan->state == AT_MARK ? AT_END : AT_MARK;
		return 0;
	}
	if (!vzr_header_sum_ok(scan->block)) {
		const char *what = at ? NULL : vzr_magic_name(scan->block, sizeof(scan->block));

		if (at)
			return vzr_fail(err, -VZR_E_ARCHIVE,
					"the tar is damaged: no member header at byte %llu", at);
		return vzr_fail(err, -VZR_E_ARCHIVE, "not a tar archive%s%s",
				what ? ": it looks like " : "", what ? what : "");
	}
	if (!scan->begun) {
		scan->begun = true;
		scan->current.offset = at;
	}
	r = take_header(scan, err);
	return r < 0 ? in_member(scan, r, err) : 0;
}

static int take_sparse(struct vzr_scan *scan, struct vzr_error *err)
{
	uint64_t size = scan->current.stored;
	int r = 0;

	scan->regions += 21;
	if (scan->regions > VZR_SPARSE_MAX)
		r = vzr_fail(err, -VZR_E_LIMIT, "it has more than %u sparse regions",
			     VZR_SPARSE_MAX);
	else if (!scan->block[504]) {
		r = expect(scan, IN_DATA, size, err);
		if (r == 0)
			r = finish_member(scan, 'S', size, err);
	}
	return r < 0 ? in_member(scan, r, err) : 0;
}

static int take_long_text(struct vzr_scan *scan, char **text, bool *seen, struct vzr_error *err)
{
	size_t len = strnlen(scan->body.data, scan->body_len);

	/* Writers count the NUL or not; more than one NUL at the end is a hidden second name. */
	if (len + 1 < scan->body_len)
		return vzr_fail(err, -VZR_E_ARCHIVE, "its long name has a NUL byte inside");
	free(*text);
	*text = strndup(scan->body.data, len);
	*seen = true;
	return *text ? 0 : vzr_fail_code(err, -ENOMEM, "cannot read the archive");
}

static int take_extension(struct vzr_scan *scan, struct vzr_error *err)
{
	int r;

	scan->state = AT_HEADER;
	if (scan->extension == 'L')
		r = take_long_text(scan, &scan->current.path, &scan->long_name, err);
	else if (scan->extension == 'K')
		r = take_long_text(scan, &scan->current.link, &scan->long_link, err);
	else
		r = vzr_pax_parse(scan->body.data, scan->body_len, scan->extension == 'g',
				  &scan->pax, err);
	scan->current.has_path |= scan->long_name;
	scan->current.has_link |= scan->long_link;
	return r < 0 ? in_member(scan, r, err) : 0;
}

/* The first line of a PAX 1.0 sparse file's data is the number of its regions. */
static int check_map(struct vzr_scan *scan, const unsigned char *data, size_t len,
		     struct vzr_error *err)
{
	uint64_t count = 0;
	size_t i = 0;

	scan->peek_map = false;
	for (; i < len && i < 12 && data[i] >= '0' && data[i] <= '9'; i++)
		count = count * 10 + (uint64_t)(data[i] - '0');
	if (count > VZR_SPARSE_MAX || (i == 12))
		return vzr_fail(err, -VZR_E_LIMIT,
				"a member before byte %llu of the tar has more than %u sparse "
				"regions",
				(unsigned long long)scan->pos, VZR_SPARSE_MAX);
	return 0;
}

/* Bytes of a body: keeps or skips them. Moves *used. */
static int feed_body(struct vzr_scan *scan, const unsigned char *data, size_t len, size_t *used,
		     struct vzr_error *err)
{
	size_t n = len < scan->left ? len : (size_t)scan->left;

	if (scan->state == IN_EXTENSION) {
		int r = vzr_buf_add(&scan->body, data, n);

		if (r < 0)
			return vzr_fail_code(err, r, "cannot read an extended header");
	}
	scan->left -= n;
	scan->pos += n;
	*used = n;
	if (scan->left > 0)
		return 0;
	if (scan->state == IN_EXTENSION)
		return take_extension(scan, err);
	scan->state = AT_HEADER;
	return 0;
}

static int feed_end(struct vzr_scan *scan, const unsigned char *data, size_t len,
		    struct vzr_error *err)
{
	for (size_t i = 0; i < len; i++)
		if (data[i])
			return vzr_fail(err, -VZR_E_ARCHIVE,
					"data follows the end of the tar, at byte %llu",
					(unsigned long long)(scan->pos + i));
	scan->pos += len;
	return 0;
}

static int feed_block(struct vzr_scan *scan, const unsigned char *data, size_t len, size_t *used,
		      struct vzr_error *err)
{
	size_t n = VZR_TAR_BLOCK - scan->block_len;

	n = n < len ? n : len;
	memcpy(scan->block + scan->block_len, data, n);
	scan->block_len += n;
	scan->pos += n;
	*used = n;
	if (scan->block_len < VZR_TAR_BLOCK)
		return 0;
	scan->block_len = 0;
	return scan->state == IN_SPARSE ? take_sparse(scan, err) : take_block(scan, err);
}

int vzr_scan_feed(struct vzr_scan *scan, const void *data, size_t len, struct vzr_error *err)
{
	const unsigned char *p = data;

	if (scan->pos == 0 && len > 0 && len < VZR_TAR_BLOCK) {
		const char *what = vzr_magic_name(p, len);

		return vzr_fail(err, -VZR_E_ARCHIVE, "not a tar archive: it looks like %s",
				what ? what : "something shorter than one tar block");
	}
	while (len > 0) {
		size_t used = len;
		int r = 0;

		if (scan->state == IN_DATA && scan->peek_map)
			r = check_map(scan, p, len, err);
		if (r < 0)
			return r;
		if (scan->state == AT_END)
			r = feed_end(scan, p, len, err);
		else if (scan->state == IN_DATA || scan->state == IN_EXTENSION)
			r = feed_body(scan, p, len, &used, err);
		else
			r = feed_block(scan, p, len, &used, err);
		if (r < 0)
			return r;
		p += used;
		len -= used;
	}
	return 0;
}

int vzr_scan_end(const struct vzr_scan *scan, struct vzr_error *err)
{
	unsigned long long pos = scan->pos;

	if (pos == 0)
		return vzr_fail(err, -VZR_E_ARCHIVE, "the archive is empty");
	if (scan->state == AT_MARK ||
	    (scan->state == AT_HEADER && !scan->begun && scan->block_len == 0))
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"the end-of-archive mark is missing: the tar is truncated at byte "
				"%llu",
				pos);
	if (scan->state != AT_END)
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"the tar is truncated inside a member, at byte %llu", pos);
	if (scan->n_members == 0)
		return vzr_fail(err, -VZR_E_ARCHIVE, "the archive has no members");
	return 0;
}
