/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From libarchive's entry to a checked member. */
#include "engine/unpack/member.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/scan.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define ID_MAX ((int64_t)UINT32_MAX - 1) /* UINT32_MAX means "leave alone" to chown() */

void vzr_member_reset(struct vzr_member *member)
{
	for (size_t i = 0; i < member->n_xattrs; i++)
		free(member->xattrs[i].value);
	member->n_xattrs = 0;
	vzr_buf_done(&member->acl_access);
	vzr_buf_done(&member->acl_default);
	member->path[0] = member->link[0] = '\0';
	member->size = member->stored = member->major = member->minor = 0;
	member->sparse = false;
	member->depth = 0;
}

/* Appends one component to @out of *len bytes. */
static int add_component(const char *name, size_t n, char *out, size_t *len, struct vzr_error *err)
{
	if (n == 2 && name[0] == '.' && name[1] == '.')
		return vzr_fail(err, -VZR_E_REFUSED, "'..' in a name may lead out of the tree");
	if (n > VZR_MEMBER_NAME_MAX)
		return vzr_fail(err, -VZR_E_LIMIT,
				"a component of its name has %zu bytes, the limit is %d", n,
				VZR_MEMBER_NAME_MAX);
	if (*len + (*len > 0) + n > VZR_MEMBER_PATH_MAX)
		return vzr_fail(err, -VZR_E_LIMIT, "its name is longer than %d bytes",
				VZR_MEMBER_PATH_MAX);
	if (*len > 0)
		out[(*len)++] = '/';
	memcpy(out + *len, name, n);
	*len += n;
	out[*len] = '\0';
	return 0;
}

int vzr_member_set_path(const char *raw, unsigned int max_depth, char out[VZR_MEMBER_PATH_MAX + 1],
			size_t *ret_depth, bool *ret_slash, struct vzr_error *err)
{
	size_t len = 0, depth = 0, raw_len = strlen(raw);

	out[0] = '\0';
	if (raw_len == 0)
		return vzr_fail(err, -VZR_E_REFUSED, "an empty name");
	if (raw[0] == '/')
		return vzr_fail(err, -VZR_E_REFUSED, "an absolute name leads out of the tree");
	for (const char *p = raw; *p;) {
		const char *end = strchrnul(p, '/');
		size_t n = (size_t)(end - p);

		if (n > 0 && !(n == 1 && *p == '.')) {
			int r = add_component(p, n, out, &len, err);

			if (r < 0)
				return r;
			if (++depth > max_depth)
				return vzr_fail(err, -VZR_E_LIMIT,
						"its name has more than %u components", max_depth);
		}
		p = *end ? end + 1 : end;
	}
	*ret_depth = depth;
	if (ret_slash)
		*ret_slash = raw[raw_len - 1] == '/';
	return 0;
}

static int type_of(struct archive_entry *entry, enum vzr_member_type *ret, struct vzr_error *err)
{
	if (archive_entry_hardlink(entry)) {
		*ret = VZR_MEMBER_HARDLINK;
		return 0;
	}
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		*ret = VZR_MEMBER_FILE;
		return 0;
	case AE_IFDIR:
		*ret = VZR_MEMBER_DIR;
		return 0;
	case AE_IFLNK:
		*ret = VZR_MEMBER_SYMLINK;
		return 0;
	case AE_IFCHR:
		*ret = VZR_MEMBER_CHAR;
		return 0;
	case AE_IFBLK:
		*ret = VZR_MEMBER_BLOCK;
		return 0;
	case AE_IFIFO:
		*ret = VZR_MEMBER_FIFO;
		return 0;
	case AE_IFSOCK:
		*ret = VZR_MEMBER_SOCKET;
		return 0;
	default:
		return vzr_fail(err, -VZR_E_REFUSED, "it has an unknown type");
	}
}

static int read_path(struct archive_entry *entry, const struct vzr_scan_member *scan,
		     unsigned int max_depth, struct vzr_member *member, struct vzr_error *err)
{
	/* Extended headers by the scanner: byte for byte, whatever the character set. */
	const char *raw =
		scan->has_path ? (scan->path ? scan->path : "") : archive_entry_pathname(entry);
	bool slash = false;
	int r;

	if (!raw)
		return vzr_fail(err, -VZR_E_REFUSED, "it has no name");
	r = vzr_member_set_path(raw, max_depth, member->path, &member->depth, &slash, err);
	if (r < 0)
		return r;
	if (member->path[0] == '\0' && member->type != VZR_MEMBER_DIR)
		return vzr_fail(err, -VZR_E_REFUSED, "the root of the tree must be a directory");
	if (slash && member->type != VZR_MEMBER_DIR)
		return vzr_fail(err, -VZR_E_REFUSED,
				"its name ends in '/', but it is no directory");
	return 0;
}

static int read_link(struct archive_entry *entry, const struct vzr_scan_member *scan,
		     unsigned int max_depth, struct vzr_member *member, struct vzr_error *err)
{
	bool hard = member->type == VZR_MEMBER_HARDLINK;
	const char *raw = hard ? archive_entry_hardlink(entry) : archive_entry_symlink(entry);
	size_t len, depth;
	int r;

	if (!hard && member->type != VZR_MEMBER_SYMLINK)
		return 0;
	if (scan->has_link)
		raw = scan->link ? scan->link : "";
	len = raw ? strlen(raw) : 0;
	if (len == 0)
		return vzr_fail(err, -VZR_E_REFUSED, "a link without a target");
	if (!hard && len > VZR_MEMBER_LINK_MAX)
		return vzr_fail(err, -VZR_E_LIMIT, "its target has %zu bytes, the limit is %d", len,
				VZR_MEMBER_LINK_MAX);
	if (!hard) {
		memcpy(member->link, raw, len + 1);
		return 0;
	}
	r = vzr_member_set_path(raw, max_depth, member->link, &depth, NULL, err);
	if (r < 0)
		return vzr_wrap(err, r, "the target of the hard link");
	if (member->link[0] == '\0')
		return vzr_fail(err, -VZR_E_REFUSED, "a hard link to the root directory");
	return 0;
}

static int read_numbers(struct archive_entry *entry, const struct vzr_scan_member *scan,
			struct vzr_member *member, struct vzr_error *err)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	if (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX)
		return vzr_fail(err, -VZR_E_REFUSED,
				"owner %lld:%lld is out of range (0 to 4294967294)", (long long)uid,
				(long long)gid);
	member->uid = (uid_t)uid;
	member->gid = (gid_t)gid;
	member->mode = archive_entry_mode(entry) & 07777;
	member->mtime.tv_sec = archive_entry_mtime(entry);
	member->mtime.tv_nsec = archive_entry_mtime_nsec(entry);
	if (scan->has_mtime) {
		/* libarchive takes -1.25 for -0.75. */
		member->mtime.tv_sec = scan->mtime_s;
		member->mtime.tv_nsec = scan->mtime_ns;
	}
	member->stored = scan->stored;
	member->sparse = scan->sparse;
	if (member->type == VZR_MEMBER_FILE) {
		if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0)
			return vzr_fail(err, -VZR_E_ARCHIVE, "it has no size");
		member->size = (uint64_t)archive_entry_size(entry);
		if (!member->sparse && member->size != member->stored)
			return vzr_fail(err, -VZR_E_ARCHIVE,
					"its headers do not agree on its size");
	} else if (scan->stored) {
		return vzr_fail(err, -VZR_E_ARCHIVE,
				"it says it has %llu bytes of data, but only a file has data",
				(unsigned long long)scan->stored);
	}
	if (member->type == VZR_MEMBER_CHAR || member->type == VZR_MEMBER_BLOCK) {
		member->major = archive_entry_rdevmajor(entry);
		member->minor = archive_entry_rdevminor(entry);
	}
	return 0;
}

static int add_xattr(struct vzr_member *member, const char *name, const void *value, size_t len,
		     struct vzr_error *err)
{
	struct vzr_xattr *xattr = &member->xattrs[member->n_xattrs];

	if (member->n_xattrs == VZR_MEMBER_XATTRS)
		return vzr_fail(err, -VZR_E_LIMIT, "it has more than %d extended attributes",
				VZR_MEMBER_XATTRS);
	if (strlen(name) >= sizeof(xattr->name))
		return vzr_fail(err, -VZR_E_LIMIT,
				"the name of an attribute has %zu bytes, the "
				"limit is 255",
				strlen(name));
	if (len > VZR_MEMBER_XATTR_MAX)
		return vzr_fail(err, -VZR_E_LIMIT,
				"attribute %.100s has %zu bytes, the limit is %u", name, len,
				VZR_MEMBER_XATTR_MAX);
	xattr->value = malloc(len ? len : 1);
	if (!xattr->value)
		return vzr_fail_code(err, -ENOMEM, "cannot read its attributes");
	memcpy(xattr->name, name, strlen(name) + 1);
	if (len)
		memcpy(xattr->value, value, len);
	xattr->len = len;
	member->n_xattrs++;
	return 0;
}

/* tar --xattrs stores ACLs in the kernel's form too: with numbers, where its text has names. */
static int add_binary_acl(struct vzr_member *member, const char *name, const void *value,
			  size_t len, bool *ret_taken, struct vzr_error *err)
{
	bool access = strcmp(name, "system.posix_acl_access") == 0;
	struct vzr_buf *acl = access ? &member->acl_access : &member->acl_default;

	*ret_taken = false;
	if (!access && strcmp(name, "system.posix_acl_default") != 0)
		return 0;
	if (member->type != VZR_MEMBER_DIR && (member->type != VZR_MEMBER_FILE || !access))
		return 0;
	*ret_taken = true;
	acl->len = 0;
	return vzr_acl_check(value, len, acl, err);
}

static int read_xattrs(struct archive_entry *entry, struct vzr_left_out *left_out,
		       struct vzr_member *member, struct vzr_error *err)
{
	const char *name;
	const void *value;
	size_t len;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK) {
		enum vzr_policy_reason reason;
		bool taken;
		int r;

		if (!name || !*name)
			return vzr_fail(err, -VZR_E_ARCHIVE, "an attribute without a name");
		r = add_binary_acl(member, name, value, len, &taken, err);
		if (r < 0)
			return r;
		if (taken)
			continue;
		reason = vzr_policy_xattr(name, member->type);
		if (reason != VZR_LEFT_NOTHING) {
			vzr_left_out_add(left_out, reason, member->path, "");
			continue;
		}
		r = add_xattr(member, name, value, len, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_access_acl(struct archive_entry *entry, int types, struct vzr_left_out *left_out,
			   struct vzr_member *member, struct vzr_error *err)
{
	mode_t group = 0;
	int r = 0;

	if (member->acl_access.len == 0 && types & ARCHIVE_ENTRY_ACL_TYPE_ACCESS)
		r = vzr_acl_read(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &member->acl_access, &group,
				 err);
	if (r < 0)
		return r;
	if (r > 0) {
		/* Without the ACL the group bits would give the group what the mask allows. */
		member->mode = (member->mode & ~(mode_t)070) | (member->mode & group);
		vzr_left_out_add(left_out, VZR_LEFT_ACL_NAME, member->path, "");
	} else if (member->acl_access.len > 0) {
		member->mode = (member->mode & ~(mode_t)0777) | vzr_acl_mode(&member->acl_access);
	}
	return 0;
}

static int read_acls(struct archive_entry *entry, struct vzr_left_out *left_out,
		     struct vzr_member *member, struct vzr_error *err)
{
	int types = archive_entry_acl_types(entry), r;
	mode_t group;

	if (types & ARCHIVE_ENTRY_ACL_TYPE_NFS4) {
		vzr_left_out_add(left_out, VZR_LEFT_NFS4_ACL, member->path, "");
		types = 0;
	}
	if (types && member->type != VZR_MEMBER_FILE && member->type != VZR_MEMBER_DIR) {
		vzr_left_out_add(left_out, VZR_LEFT_NOT_A_FILE, member->path, "");
		return 0;
	}
	r = read_access_acl(entry, types, left_out, member, err);
	if (r < 0 || member->acl_default.len > 0 || !(types & ARCHIVE_ENTRY_ACL_TYPE_DEFAULT))
		return r;
	r = vzr_acl_read(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, &member->acl_default, &group, err);
	if (r > 0 || (r == 0 && member->acl_default.len > 0 && member->type != VZR_MEMBER_DIR)) {
		vzr_left_out_add(left_out, r > 0 ? VZR_LEFT_ACL_NAME : VZR_LEFT_NOT_A_FILE,
				 member->path, "");
		vzr_buf_done(&member->acl_default);
	}
	return r < 0 ? r : 0;
}

int vzr_member_read(struct archive_entry *entry, const struct vzr_scan_member *scan,
		    unsigned int max_depth, struct vzr_left_out *left_out,
		    struct vzr_member *member, struct vzr_error *err)
{
	enum vzr_policy_reason reason;
	int r = type_of(entry, &member->type, err);

	if (r == 0)
		r = read_path(entry, scan, max_depth, member, err);
	if (r == 0)
		r = read_link(entry, scan, max_depth, member, err);
	if (r == 0)
		r = read_numbers(entry, scan, member, err);
	if (r < 0)
		return r;
	reason = vzr_policy_member(member->type, member->major, member->minor);
	if (reason != VZR_LEFT_NOTHING) {
		char detail[64];

		snprintf(detail, sizeof(detail), " (%llu:%llu)", (unsigned long long)member->major,
			 (unsigned long long)member->minor);
		vzr_left_out_add(left_out, reason, member->path,
				 reason == VZR_LEFT_SOCKET ? "" : detail);
		return 1;
	}
	/* A hard link has no attributes of its own. */
	if (member->type == VZR_MEMBER_HARDLINK)
		return 0;
	r = read_xattrs(entry, left_out, member, err);
	return r < 0 ? r : read_acls(entry, left_out, member, err);
}
