/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small ustar writer: the same input gives the same bytes. */
#include "templates/busybox_root.h"

#include <stdio.h>
#include <string.h>
#include <tar.h>

#define BLOCK 512u
#define MEMBER_TIME 946684800 /* 2000-01-01: later than any file system's beginning */

/* POSIX.1-1988 header. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8];
	char typeflag, linkname[100], magic[6], version[2], uname[32], gname[32];
	char devmajor[8], devminor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

static void octal(char *field, size_t size, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value);
	memcpy(field, text, size);
}

static void set_checksum(struct header *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	unsigned int sum = 0;
	char text[8];

	memset(h->chksum, ' ', sizeof(h->chksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += bytes[i];
	snprintf(text, sizeof(text), "%06o", sum & 0777777u);
	memcpy(h->chksum, text, 7);
}

static int pad(struct vzr_buf *buf, size_t blocks)
{
	static const char zeros[2 * BLOCK];
	size_t over = buf->len % BLOCK;
	int r = over ? vzr_buf_add(buf, zeros, BLOCK - over) : 0;

	return r == 0 && blocks ? vzr_buf_add(buf, zeros, blocks * BLOCK) : r;
}

void vzr_tar_add(struct vzr_tar *tar, char type, const char *path, mode_t mode, const char *data,
		 size_t len)
{
	struct header h = { .typeflag = type, .magic = TMAGIC, .version = { '0', '0' } };
	unsigned int major = 0, minor = 0;

	if (tar->result < 0)
		return;
	if (strlen(path) >= sizeof(h.name) ||
	    (type == SYMTYPE && strlen(data) >= sizeof(h.linkname)) ||
	    (type == CHRTYPE && sscanf(data, "%7u %7u", &major, &minor) != 2)) {
		tar->result = -VZR_E_INPUT;
		return;
	}
	memcpy(h.name, path, strlen(path));
	if (type == SYMTYPE)
		memcpy(h.linkname, data, strlen(data));
	octal(h.mode, sizeof(h.mode), mode);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), len);
	octal(h.mtime, sizeof(h.mtime), MEMBER_TIME);
	octal(h.devmajor, sizeof(h.devmajor), major);
	octal(h.devminor, sizeof(h.devminor), minor);
	memcpy(h.uname, "root", 4);
	memcpy(h.gname, "root", 4);
	set_checksum(&h);
	tar->result = vzr_buf_add(&tar->buf, &h, sizeof(h));
	if (tar->result == 0 && len)
		tar->result = vzr_buf_add(&tar->buf, data, len);
	if (tar->result == 0)
		tar->result = pad(&tar->buf, 0);
}

int vzr_tar_end(struct vzr_tar *tar)
{
	if (tar->result == 0)
		tar->result = pad(&tar->buf, 2);
	return tar->result;
}
