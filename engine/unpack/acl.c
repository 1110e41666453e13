/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POSIX ACLs in the kernel's binary form, without libacl. */
#include "engine/base/cleanup.h"
#include "engine/unpack/member.h"

#include <archive_entry.h>
#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>

#define ACL_MAX 1024 /* entries; the kernel's limit comes from its 64 KiB for an attribute */

struct entry {
	uint16_t tag;
	uint16_t perm;
	uint32_t id;
};

static uint16_t tag_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return ACL_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return ACL_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return ACL_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return ACL_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return ACL_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return ACL_OTHER;
	default:
		return 0;
	}
}

/* The order that the kernel wants: by tag, then by id. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int emit(const struct entry *entries, size_t count, struct vzr_buf *acl,
		struct vzr_error *err)
{
	struct posix_acl_xattr_header header = {.a_version = htole32(POSIX_ACL_XATTR_VERSION)};
	int r;

	acl->max = sizeof(header) + ACL_MAX * sizeof(struct posix_acl_xattr_entry);
	r = vzr_buf_add(acl, &header, sizeof(header));
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct posix_acl_xattr_entry e = {
			.e_tag = htole16(entries[i].tag),
			.e_perm = htole16(entries[i].perm),
			.e_id = htole32(entries[i].id),
		};

		r = vzr_buf_add(acl, &e, sizeof(e));
	}
	return r < 0 ? vzr_fail_code(err, r, "cannot read its ACL") : 0;
}

/* A mask is required with named entries; where the archive has none, it allows all of them. */
static size_t add_mask(struct entry *entries, size_t count)
{
	uint16_t all = 0;
	bool named = false;

	for (size_t i = 0; i < count; i++) {
		if (entries[i].tag == ACL_MASK)
			return count;
		if (entries[i].tag == ACL_USER || entries[i].tag == ACL_GROUP)
			named = true;
		if (entries[i].tag != ACL_USER_OBJ && entries[i].tag != ACL_OTHER)
			all |= entries[i].perm;
	}
	if (named)
		entries[count++] = (struct entry){ACL_MASK, all, (uint32_t)ACL_UNDEFINED_ID};
	return count;
}

/* Takes one entry over. 0, 1: an owner without a number, or an error. */
static int convert(int tag, int permset, int qualifier, struct entry *ret, struct vzr_error *err)
{
	ret->tag = tag_of(tag);
	ret->perm = (uint16_t)(permset & 7);
	ret->id = (uint32_t)ACL_UNDEFINED_ID;
	if (ret->tag == 0)
		return vzr_fail(err, -VZR_E_ARCHIVE, "its ACL has an unknown kind of entry");
	if (ret->tag != ACL_USER && ret->tag != ACL_GROUP)
		return 0;
	if (qualifier < 0)
		return 1;
	ret->id = (uint32_t)qualifier;
	return 0;
}

int vzr_acl_read(struct archive_entry *entry, int type, struct vzr_buf *acl, mode_t *ret_group,
		 struct vzr_error *err)
{
	VZR_AUTO_FREE struct entry *entries = calloc(ACL_MAX + 1, sizeof(*entries));
	int found, permset, tag, qualifier;
	size_t count = 0;
	mode_t mask = 07, group = 0;
	bool unnamed = false;
	const char *name;

	if (!entries)
		return vzr_fail_code(err, -ENOMEM, "cannot read its ACL");
	archive_entry_acl_reset(entry, type);
	while (archive_entry_acl_next(entry, type, &found, &permset, &tag, &qualifier, &name) ==
	       0) {
		int r;

		if (count == ACL_MAX)
			return vzr_fail(err, -VZR_E_LIMIT, "its ACL has more than %d entries",
					ACL_MAX);
		r = convert(tag, permset, qualifier, &entries[count], err);
		if (r < 0)
			return r;
		unnamed |= r > 0;
		if (entries[count].tag == ACL_MASK)
			mask = entries[count].perm;
		else if (entries[count].tag == ACL_GROUP_OBJ)
			group = entries[count].perm;
		count++;
	}
	*ret_group = (group & mask) << 3;
	if (unnamed)
		return 1;
	count = add_mask(entries, count);
	if (count <= 3 && type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS)
		return 0;
	if (count == 0)
		return 0;
	qsort(entries, count, sizeof(*entries), compare);
	return emit(entries, count, acl, err);
}

int vzr_acl_check(const void *value, size_t len, struct vzr_buf *acl, struct vzr_error *err)
{
	struct posix_acl_xattr_header header;
	size_t size = sizeof(struct posix_acl_xattr_entry);
	int r;

	if (len < sizeof(header) + 3 * size || (len - sizeof(header)) % size ||
	    len > sizeof(header) + ACL_MAX * size)
		return vzr_fail(err, -VZR_E_ARCHIVE, "its ACL has an impossible size (%zu bytes)",
				len);
	memcpy(&header, value, sizeof(header));
	if (header.a_version != htole32(POSIX_ACL_XATTR_VERSION))
		return vzr_fail(err, -VZR_E_ARCHIVE, "its ACL has an unknown version");
	acl->max = len;
	r = vzr_buf_add(acl, value, len);
	return r < 0 ? vzr_fail_code(err, r, "cannot read its ACL") : 0;
}

mode_t vzr_acl_mode(const struct vzr_buf *acl)
{
	size_t at = sizeof(struct posix_acl_xattr_header);
	mode_t mode = 0;
	bool masked = false;

	for (; at + sizeof(struct posix_acl_xattr_entry) <= acl->len;
	     at += sizeof(struct posix_acl_xattr_entry)) {
		struct posix_acl_xattr_entry e;
		mode_t perm;

		memcpy(&e, acl->data + at, sizeof(e));
		perm = le16toh(e.e_perm);
		if (le16toh(e.e_tag) == ACL_USER_OBJ)
			mode |= perm << 6;
		else if (le16toh(e.e_tag) == ACL_OTHER)
			mode |= perm;
		else if (le16toh(e.e_tag) == ACL_MASK) {
			mode = (mode & ~(mode_t)070) | perm << 3;
			masked = true;
		} else if (le16toh(e.e_tag) == ACL_GROUP_OBJ && !masked) {
			mode |= perm << 3;
		}
	}
	return mode;
}
