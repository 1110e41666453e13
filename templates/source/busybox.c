/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The built-in template: a minimal root around the host's static busybox, made when asked for. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/proc.h"
#include "engine/base/size.h"
#include "templates/busybox_root.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define PROGRAM_MAX (32u << 20)
#define APPLETS_MAX (64u << 10)
#define MEMORY "built"
#define TAR_BLOCK 512u
#define FS_BLOCK 4096u
#define FS_BLOCK_KIB (FS_BLOCK / 1024)

struct state {
	struct vzr_buf archive; /* empty as long as what is remembered of it is enough */
	struct stat program;	/* what it was, or would be, made of */
	struct vzr_digest digest;
	char *arch;
	uint64_t size_bytes;
	uint64_t kib; /* unpacked */
	uint64_t inodes;
};

static void done(struct vzr_source *source)
{
	struct state *state = source->state;

	vzr_buf_done(&state->archive);
	free(state->arch);
	free(state);
}

static int open_program(const char *path, struct stat *st, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;

	if (!path || !*path)
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "BUSYBOX is not set");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"there is no %s: install a static busybox (Debian: apt-get install "
				"busybox-static) or set BUSYBOX",
				path);
	if (fd < 0)
		return vzr_fail_errno(err, "cannot open %s", path);
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "%s is not a regular file", path);
	if (!vzr_trusted_stat(st))
		return vzr_fail(err, -VZR_E_NOT_TRUSTED, "%s can be changed by others than root",
				path);
	return vzr_take_fd(fd);
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

/* The room of our own archive, counted as an unpacking will: a plan need not fetch it to know. */
static void measure(struct state *state)
{
	const struct vzr_buf *archive = &state->archive;
	size_t at = 0;

	/* The root directory itself is no member. */
	state->inodes = 1;
	state->kib = FS_BLOCK_KIB;
	while (at + TAR_BLOCK <= archive->len && archive->data[at]) {
		const char *header = archive->data + at;
		uint64_t size = strtoull(header + 124, NULL, 8);
		char type = header[156];

		state->inodes++;
		if (type == '0')
			state->kib += (size + FS_BLOCK - 1) / FS_BLOCK * FS_BLOCK_KIB;
		else if (type == '5')
			state->kib += FS_BLOCK_KIB;
		at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
}

static int build(struct vzr_source *source, struct state *state, struct vzr_error *err)
{
	const char *path = source->options->busybox, *arch = NULL;
	VZR_AUTO_BUF struct vzr_buf program = { .max = PROGRAM_MAX };
	VZR_AUTO_BUF struct vzr_buf applets = { .max = APPLETS_MAX };
	VZR_AUTO_CLOSE int fd = open_program(path, &state->program, err);
	int r;

	if (fd < 0)
		return fd;
	r = vzr_fd_read(fd, &program, err);
	if (r < 0)
		return vzr_wrap(err, r, "%s", path);
	r = vzr_elf_check(path, vzr_buf_cstr(&program), program.len, &arch, err);
	if (r == 0)
		r = read_applets(path, &applets, err);
	if (r < 0)
		return r;
	r = vzr_busybox_root(program.data, program.len, vzr_buf_cstr(&applets), &state->archive);
	if (r == 0)
		r = vzr_digest_of(VZR_SHA256, state->archive.data, state->archive.len,
				  &state->digest);
	if (r == 0)
		r = vzr_set_text(&state->arch, "%s", arch);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot make the root around %s", path);
	state->size_bytes = state->archive.len;
	measure(state);
	return 0;
}

/* ---- what is remembered: most commands want to know of the archive and not to have it ---- */

/* All that the archive depends on: the program, and what we put around it. */
static int identity(const struct state *state, struct vzr_kv *kv, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf around = { 0 };
	char file[VZR_FILE_IDENTITY], text[VZR_DIGEST_TEXT];
	struct vzr_digest digest;
	int r = vzr_busybox_root("", 0, "bin/sh\n", &around);

	if (r == 0)
		r = vzr_digest_of(VZR_SHA256, around.data, around.len, &digest);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot remember the minimal root");
	vzr_file_identity(&state->program, file);
	r = vzr_kv_set(kv, "FILE", file, err);
	return r < 0 ? r : vzr_kv_set(kv, "AROUND", vzr_digest_text(&digest, text), err);
}

static bool same(const struct vzr_kv *a, const struct vzr_kv *b, const char *key)
{
	const char *x = vzr_kv_get(a, key), *y = vzr_kv_get(b, key);

	return x && y && strcmp(x, y) == 0;
}

static bool get_number(const struct vzr_kv *kv, const char *key, uint64_t *ret_value)
{
	const char *text = vzr_kv_get(kv, key);

	return text && vzr_parse_uint(text, UINT64_MAX, ret_value) == 0;
}

static bool recall(struct vzr_source *source, struct state *state)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	VZR_AUTO_KV struct vzr_kv now = { 0 };
	const char *arch, *digest;

	if (vzr_memory_read(source, MEMORY, &kv, NULL) < 0 || identity(state, &now, NULL) < 0 ||
	    !same(&kv, &now, "FILE") || !same(&kv, &now, "AROUND"))
		return false;
	arch = vzr_kv_get(&kv, "ARCH");
	digest = vzr_kv_get(&kv, "DIGEST");
	return arch && digest && vzr_digest_parse(digest, &state->digest, NULL) == 0 &&
	       get_number(&kv, "SIZE", &state->size_bytes) && get_number(&kv, "KIB", &state->kib) &&
	       get_number(&kv, "INODES", &state->inodes) &&
	       vzr_set_text(&state->arch, "%s", arch) == 0;
}

static int note(struct vzr_source *source, const struct state *state, struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	char text[VZR_DIGEST_TEXT];
	int r = identity(state, &kv, err);

	if (r == 0)
		r = vzr_kv_set(&kv, "DIGEST", vzr_digest_text(&state->digest, text), err);
	if (r == 0)
		r = vzr_kv_set(&kv, "ARCH", state->arch, err);
	if (r == 0)
		r = vzr_kv_printf(&kv, "SIZE", err, "%" PRIu64, state->size_bytes);
	if (r == 0)
		r = vzr_kv_printf(&kv, "KIB", err, "%" PRIu64, state->kib);
	if (r == 0)
		r = vzr_kv_printf(&kv, "INODES", err, "%" PRIu64, state->inodes);
	return r < 0 ? r : vzr_memory_write(source, MEMORY, &kv, err);
}

/* ---- the source ---- */

/* Changes nothing: what is learnt here is remembered when the bytes are fetched. */
static int learn(struct vzr_source *source, struct state *state, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = open_program(source->options->busybox, &state->program, err);

	if (fd < 0)
		return fd;
	return recall(source, state) ? 0 : build(source, state, err);
}

static int load(struct vzr_source *source, struct vzr_error *err)
{
	struct vzr_entry entry = { .has_digest = true };
	struct state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return vzr_fail_code(err, -ENOMEM, "cannot make the minimal root");
	source->state = state;
	r = learn(source, state, err);
	if (r == -VZR_E_UNSUPPORTED) {
		/* No busybox, no template: asking for others goes on. */
		vzr_debug(source->options->ctx, "source %s: %s", source->conf.name,
			  err ? err->msg : "");
	}
	if (r < 0)
		return r;
	entry.digest = state->digest;
	if (vzr_set_text(&entry.name, "busybox-%s-minimal", state->arch) < 0 ||
	    vzr_entries_add(&source->entries, entry) < 0 ||
	    vzr_set_text(&source->trust, "made here from %s, which only root can change",
			 source->options->busybox) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot make the minimal root");
	return 0;
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
	artefact->size_bytes = state->size_bytes;
	artefact->unpacked_kib = state->kib;
	artefact->unpacked_inodes = state->inodes;
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
	struct state *state;
	VZR_AUTO_CLOSE int fd = -1;
	int r = vzr_source_load(source, err);

	if (r < 0)
		return r;
	state = source->state;
	if (state->archive.len == 0)
		r = build(source, state, err);
	if (r == 0)
		r = note(source, state, err);
	if (r < 0)
		return r;
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
