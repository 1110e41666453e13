/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The built-in template: a minimal root around the host's static busybox, made when asked for. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/proc.h"
#include "templates/busybox_root.h"

#include <fcntl.h>
#include <string.h>

#define PROGRAM_MAX (32u << 20)
#define APPLETS_MAX (64u << 10)

struct state {
	struct vzr_buf archive;
	struct vzr_digest digest;
};

static void done(struct vzr_source *source)
{
	struct state *state = source->state;

	vzr_buf_done(&state->archive);
	free(state);
}

static int read_program(const char *path, struct vzr_buf *program, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"there is no %s: install a static busybox (Debian: apt-get install "
				"busybox-static) or set BUSYBOX",
				path);
	if (fd < 0)
		return vzr_fail_errno(err, "cannot open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "%s is not a regular file", path);
	if (!vzr_trusted_stat(&st))
		return vzr_fail(err, -VZR_E_NOT_TRUSTED, "%s can be changed by others than root",
				path);
	r = vzr_fd_read(fd, program, err);
	return r < 0 ? vzr_wrap(err, r, "%s", path) : 0;
}

/* Which commands it has is asked of the program itself. */
static int read_applets(const char *path, struct vzr_buf *applets, struct vzr_error *err)
{
	const char *const argv[] = { path, "--list-full", NULL };
	struct vzr_proc proc = {
		.argv = argv, .capture_fd = 1, .capture = applets, .timeout_ms = 5000
	};
	int status;
	int r = vzr_proc_run(&proc, &status, err);

	if (r < 0)
		return r;
	if (status != 0 || !strstr(vzr_buf_cstr(applets), "sbin/init\n") ||
	    !strstr(vzr_buf_cstr(applets), "bin/sh\n"))
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"%s --list-full names no init and sh: it was built without them, "
				"or "
				"is not for this machine",
				path);
	return 0;
}

static int build(struct vzr_source *source, struct state *state, const char **ret_arch,
		 struct vzr_error *err)
{
	const char *path = source->options->busybox;
	VZR_AUTO_BUF struct vzr_buf program = { .max = PROGRAM_MAX };
	VZR_AUTO_BUF struct vzr_buf applets = { .max = APPLETS_MAX };
	int r = path && *path ? read_program(path, &program, err)
			      : vzr_fail(err, -VZR_E_UNSUPPORTED, "BUSYBOX is not set");

	if (r == 0)
		r = vzr_elf_check(path, vzr_buf_cstr(&program), program.len, ret_arch, err);
	if (r == 0)
		r = read_applets(path, &applets, err);
	if (r < 0)
		return r;
	r = vzr_busybox_root(program.data, program.len, vzr_buf_cstr(&applets), &state->archive);
	if (r == 0)
		r = vzr_digest_of(VZR_SHA256, state->archive.data, state->archive.len,
				  &state->digest);
	return r < 0 ? vzr_fail_code(err, r, "cannot make the root around %s", path) : 0;
}

static int load(struct vzr_source *source, struct vzr_error *err)
{
	struct vzr_entry entry = { .has_digest = true };
	struct state *state = calloc(1, sizeof(*state));
	const char *arch = NULL;
	int r;

	if (!state)
		return vzr_fail_code(err, -ENOMEM, "cannot make the minimal root");
	source->state = state;
	r = build(source, state, &arch, err);
	if (r == -VZR_E_UNSUPPORTED) {
		/* No busybox, no template: asking for others goes on. */
		vzr_debug(source->options->ctx, "source %s: %s", source->conf.name,
			  err ? err->msg : "");
	}
	if (r < 0)
		return r;
	entry.digest = state->digest;
	if (vzr_set_text(&entry.name, "busybox-%s-minimal", arch) < 0 ||
	    vzr_entries_add(&source->entries, entry) < 0 ||
	    vzr_set_text(&source->trust, "made here from %s, which only root can change",
			 source->options->busybox) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot make the minimal root");
	return 0;
}

#define TAR_BLOCK 512u
#define FS_BLOCK 4096u
#define FS_BLOCK_KIB (FS_BLOCK / 1024)

/* The room of our own archive, counted as an unpacking will: a plan need not fetch it to know. */
static void measure(const struct vzr_buf *archive, struct vzr_artefact *artefact)
{
	size_t at = 0;

	/* The root directory itself is no member. */
	artefact->unpacked_inodes = 1;
	artefact->unpacked_kib = FS_BLOCK_KIB;
	while (at + TAR_BLOCK <= archive->len && archive->data[at]) {
		const char *header = archive->data + at;
		uint64_t size = strtoull(header + 124, NULL, 8);
		char type = header[156];

		artefact->unpacked_inodes++;
		if (type == '0')
			artefact->unpacked_kib += (size + FS_BLOCK - 1) / FS_BLOCK * FS_BLOCK_KIB;
		else if (type == '5')
			artefact->unpacked_kib += FS_BLOCK_KIB;
		at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
}

static int describe(struct vzr_source *source, const struct vzr_entry *entry,
		    struct vzr_artefact *artefact, struct vzr_error *err)
{
	const struct state *state = source->state;

	if (!entry)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "source %s has no template %s",
				source->conf.name, artefact->name);
	artefact->has_digest = true;
	artefact->digest = state->digest;
	artefact->size_bytes = state->archive.len;
	measure(&state->archive, artefact);
	if (vzr_set_text(&artefact->trust, "%s", source->trust) < 0 ||
	    vzr_set_text(&artefact->location, "built in") < 0)
		return vzr_fail_code(err, -ENOMEM, "template %s", artefact->name);
	return 0;
}

static int fetch(struct vzr_source *source, const struct vzr_artefact *artefact,
		 struct vzr_intake *intake, struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	struct vzr_blob_terms terms = { .digest = &artefact->digest,
					.verify = vzr_intake_verify,
					.verify_data = intake };
	const struct state *state;
	VZR_AUTO_CLOSE int fd = -1;
	int r = vzr_source_load(source, err);

	if (r < 0)
		return r;
	state = source->state;
	fd = vzr_sealed_fd(artefact->name, state->archive.data, state->archive.len, err);
	if (fd < 0)
		return fd;
	return vzr_store_blob_add(source->options->store, fd, &terms, ret_sha256, err);
}

static bool changed(struct vzr_source *source, const struct vzr_name *name)
{
	const struct vzr_entry *entry;

	/* A busybox that went away takes nothing from the template that was made of it. */
	if (vzr_source_load(source, NULL) < 0)
		return false;
	entry = vzr_entries_find(&source->entries, name->name);
	return entry && !vzr_digest_equal(&entry->digest, &name->digest);
}

const struct vzr_source_ops vzr_source_busybox = {
	.name = "busybox",
	.summary = "built in: a minimal root around the host's static busybox",
	.local = true,
	.arch_names = VZR_ARCH_DEBIAN,
	.load = load,
	.describe = describe,
	.fetch = fetch,
	.changed = changed,
	.done = done,
};
