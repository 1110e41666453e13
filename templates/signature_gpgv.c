/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running gpgv: everything it reads is a sealed memfd or the caller's own open file. */
#include "templates/signature.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/proc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define STATUS_MAX (64u << 10)
#define TIMEOUT_MS (10u * 60u * 1000u) /* a payload of tens of GiB is hashed in it */

int vzr_sealed_fd(const char *name, const void *data, size_t len, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = fd < 0 ? -errno : vzr_write_all(fd, data, len);

	if (r == 0 &&
	    (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 ||
	     lseek(fd, 0, SEEK_SET) < 0))
		r = -errno;
	return r < 0 ? vzr_fail_code(err, r, "cannot hold %s in memory", name) : vzr_take_fd(fd);
}

/*
 * gpgv is given two file arguments always: with one it would verify a signed message's own text.
 * The names are those of the child's descriptors (vzr_proc_run() makes them 4, 5 and 6); opening
 * them again starts at the file's beginning.
 */
static const char *const arguments[] = { "gpgv",      "--homedir", "/nonexistent", "--status-fd",
					 "3",	      "--keyring", "/dev/fd/4",	   "/dev/fd/5",
					 "/dev/fd/6", NULL };

int vzr_signature_verify(const struct vzr_signature_job *job,
			 const struct vzr_signature_policy *policy, struct vzr_signed_by *ret_by,
			 struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf status = { .max = STATUS_MAX };
	VZR_AUTO_CLOSE int keyring = -1, signature = -1;
	struct vzr_proc proc = { .argv = arguments,
				 .capture_fd = 3,
				 .capture = &status,
				 .n_inherit = 3,
				 .timeout_ms = TIMEOUT_MS };
	int exit_status, r;

	if (job->signature->len == 0)
		return vzr_fail(err, -VZR_E_SIGNATURE, "the signature of %s is empty", job->what);
	keyring = vzr_sealed_fd("keyring", job->keyring->data, job->keyring->len, err);
	if (keyring < 0)
		return keyring;
	signature = vzr_sealed_fd("signature", job->signature->data, job->signature->len, err);
	if (signature < 0)
		return signature;
	proc.inherit[0] = keyring;
	proc.inherit[1] = signature;
	proc.inherit[2] = job->data_fd;
	r = vzr_proc_run(&proc, &exit_status, err);
	if (r == -VZR_E_UNSUPPORTED)
		return vzr_fail(err, r,
				"cannot check the signature of %s: gpgv is not installed (Debian: "
				"apt-get install gpgv)",
				job->what);
	if (r == -VZR_E_LIMIT)
		return vzr_fail(err, -VZR_E_SIGNATURE,
				"the signature of %s holds too many signatures", job->what);
	if (r < 0)
		return vzr_wrap(err, r, "cannot check the signature of %s", job->what);
	return vzr_gpgv_judge(job->what, vzr_buf_cstr(&status), exit_status, policy, ret_by, err);
}
