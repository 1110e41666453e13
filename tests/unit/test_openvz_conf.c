/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CTID.conf: what comes of samples, domains and quotas, as vzctl and as libvirt read it. */
#include "tests/unit/world.h"

#include "engine/base/cleanup.h"
#include "engine/handoff/handoff.h"

#define UUID "c0ffee00-1234-4321-abcd-0123456789ab"

/* The sample of vzctl 4.11.1, less its licence. */
static const char vswap_sample[] = "# This config is only valid for decent VSwap-enabled kernel\n"
				   "# (version 042stab042 or later).\n"
				   "\n"
				   "# RAM\n"
				   "PHYSPAGES=\"0:256M\"\n"
				   "\n"
				   "# Swap\n"
				   "SWAPPAGES=\"0:512M\"\n"
				   "\n"
				   "# Disk quota parameters (in form of softlimit:hardlimit)\n"
				   "DISKSPACE=\"2G:2.2G\"\n"
				   "DISKINODES=\"131072:144179\"\n"
				   "QUOTATIME=\"0\"\n"
				   "\n"
				   "# CPU fair scheduler parameter\n"
				   "CPUUNITS=\"1000\"\n"
				   "\n"
				   "NETFILTER=\"stateless\"\n";

struct fixture {
	struct vzr_domain domain;
	struct vzr_handoff_job job;
};

static struct vzr_handoff_job *job_of(struct world *w, struct fixture *f)
{
	*f = (struct fixture){ 0 };
	f->job = (struct vzr_handoff_job){
		.ctx = &w->ctx,
		.settings = w->settings,
		.domain = &f->domain,
		.ctid = 101,
		.name = "101",
		.uuid = UUID,
		.private_path = "/vz/private/101",
		.template_name = "fedora-core6-i386-minimal",
		.staging_fd = -1,
	};
	return &f->job;
}

static void put_sample(const struct world *w, const char *name, const char *text)
{
	char path[128];

	make_dirs(w, "etc/vz/conf");
	snprintf(path, sizeof(path), "etc/vz/conf/ve-%s.conf-sample", name);
	put_text(w->fd, path, text);
}

static char *conf_text(const struct vzr_handoff_job *job)
{
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(vzr_handoff_find("openvz")->prepare(job, &conf, &err), &err);
	assert_int_equal(vzr_kv_emit(&conf, &buf), 0);
	return vzr_buf_take(&buf);
}

static void assert_refused(const struct vzr_handoff_job *job, int code, const char *message)
{
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	assert_error(vzr_handoff_find("openvz")->prepare(job, &conf, &err), code, &err, message);
}

/*
 * The value as libvirt's openvz driver reads it: KEY= at column 0, the last one counts, the value
 * is what stands before the next '"' or blank. In @out; "" if there is none.
 */
static const char *libvirt_value(const char *text, const char *key, char out[256])
{
	size_t n = strlen(key);

	out[0] = '\0';
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *value;

		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		value = line + n + 1;
		value += strspn(value, "\"\t\n");
		snprintf(out, 256, "%.*s", (int)strcspn(value, "\"\t\n"), value);
	}
	return out;
}

static unsigned int count_lines(const char *text, const char *key)
{
	unsigned int n = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		n += strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == '=';
	}
	return n;
}

/* Both readers see @value, and there is one line of the key. */
static void assert_value(const char *text, const char *key, const char *value)
{
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	char libvirt[256];

	assert_ok(vzr_kv_parse(text, strlen(text), 0, &conf, &err), &err);
	if (!vzr_kv_get(&conf, key))
		fail_msg("no %s in\n%s", key, text);
	assert_string_equal(vzr_kv_get(&conf, key), value);
	assert_string_equal(libvirt_value(text, key, libvirt), value);
	assert_int_equal(count_lines(text, key), 1);
}

static void assert_no_key(const char *text, const char *key)
{
	if (count_lines(text, key))
		fail_msg("%s stands in\n%s", key, text);
}

/* ---- samples ---- */

static void whole_text(void **state)
{
	struct world *w = *state;
	struct fixture f;
	VZR_AUTO_FREE char *text = NULL;

	put_sample(w, "basic", vswap_sample);
	text = conf_text(job_of(w, &f));
	assert_string_equal(text, "# This config is only valid for decent VSwap-enabled kernel\n"
				  "# (version 042stab042 or later).\n"
				  "\n"
				  "# RAM\n"
				  "PHYSPAGES=\"0:256M\"\n"
				  "\n"
				  "# Swap\n"
				  "SWAPPAGES=\"0:512M\"\n"
				  "\n"
				  "# Disk quota parameters (in form of softlimit:hardlimit)\n"
				  "DISKSPACE=\"2097152:2306867\"\n"
				  "DISKINODES=\"131072:144179\"\n"
				  "QUOTATIME=\"0\"\n"
				  "\n"
				  "# CPU fair scheduler parameter\n"
				  "CPUUNITS=\"1000\"\n"
				  "\n"
				  "NETFILTER=\"stateless\"\n"
				  "VE_ROOT=\"/vz/root/$VEID\"\n"
				  "VE_PRIVATE=\"/vz/private/$VEID\"\n"
				  "VE_LAYOUT=\"simfs\"\n"
				  "OSTEMPLATE=\"fedora-core6-i386-minimal\"\n"
				  "ORIGIN_SAMPLE=\"basic\"\n"
				  "ONBOOT=\"no\"\n"
				  "#UUID: " UUID "\n");
	assert_string_equal(w->log, "");
}

static void builtin_sample(void **state)
{
	struct world *w = *state;
	struct fixture f;
	VZR_AUTO_FREE char *text = conf_text(job_of(w, &f));

	assert_value(text, "PHYSPAGES", "0:65536");
	assert_value(text, "SWAPPAGES", "0:131072");
	assert_value(text, "DISKSPACE", "17179868160:17179868160");
	assert_value(text, "DISKINODES", "2147482624:2147482624");
	assert_value(text, "ORIGIN_SAMPLE", "vzroot-builtin");
	assert_logged(w, "there is no /etc/vz/conf/ve-basic.conf-sample: the built-in sample");
	assert_logged(w, "neither the document nor the sample has DISKSPACE");
}

static void i386_has_a_smaller_long(void **state)
{
	struct world *w = *state;
	struct fixture f;
	struct vzr_error err = VZR_ERROR_INIT;
	VZR_AUTO_FREE char *text = NULL;

	assert_ok(vzr_settings_set(w->settings, "VZQUOTA_ABI", "i386", &err), &err);
	text = conf_text(job_of(w, &f));
	assert_value(text, "DISKSPACE", "2147482624:2147482624");
}

static void profiles(void **state)
{
	static char profile[] = "vps.basic", bad[] = "../../x";
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_FREE char *text = NULL;

	f.domain.profile = profile;
	text = conf_text(job);
	assert_value(text, "ORIGIN_SAMPLE", "vzroot-builtin");
	free(vzr_take_ptr(text));
	put_sample(w, "vswap-256m", vswap_sample);
	put_sample(w, "light", vswap_sample);
	assert_refused(job, -VZR_E_NOT_FOUND,
		       "there is no /etc/vz/conf/ve-vps.basic.conf-sample, which <profile> names; "
		       "there are: light, vswap-256m");
	f.domain.profile = NULL;
	assert_refused(job, -VZR_E_NOT_FOUND, "which CONFIGFILE names; there are: light");
	f.domain.profile = profile;
	put_sample(w, "vps.basic", "PHYSPAGES=\"0:1\"\nSWAPPAGES=\"0:2\"\nORIGIN_SAMPLE=\"x\"\n");
	text = conf_text(job);
	assert_value(text, "PHYSPAGES", "0:1");
	assert_value(text, "ORIGIN_SAMPLE", "x");
	f.domain.profile = bad;
	assert_refused(job, -VZR_E_INPUT, "configuration sample");
}

static void foreign_samples(void **state)
{
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_FREE char *text = NULL;

	/* What a container's own configuration leaves when it is made a sample. */
	put_sample(w, "basic",
		   "NAME=\"old\"\nVEID=\"7\"\nONBOOT=\"yes\"\nVE_PRIVATE=\"/old/7\"\n"
		   "DISKSPACE=\"1G\"\n  DISKSPACE=\"5:6\"\nDISKINODES=10K:20K\n"
		   "#UUID: 00000000-0000-0000-0000-000000000000\n"
		   "PHYSPAGES=\"0:1\" # a comment\nSWAPPAGES=\"0:2\"\nOSTEMPLATE=\"a\"\n"
		   "OSTEMPLATE=\"b\"\nQUOTAUGIDLIMIT=\"0\"\n");
	text = conf_text(job);
	assert_no_key(text, "NAME");
	assert_no_key(text, "VEID");
	assert_value(text, "VE_PRIVATE", "/vz/private/$VEID");
	assert_value(text, "DISKSPACE", "1048576:1048576");
	assert_null(strstr(text, "5:6"));
	assert_value(text, "DISKINODES", "10240:20480");
	assert_value(text, "ONBOOT", "yes");
	assert_value(text, "OSTEMPLATE", "fedora-core6-i386-minimal");
	assert_null(strstr(text, "00000000-"));
	assert_non_null(strstr(text, "\n#UUID: " UUID "\n"));
}

static void broken_samples(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "DISKSPACE=\"10:5\"\n", "DISKSPACE=\"10:5\" of the sample would keep" },
		{ "DISKSPACE=\"0:5\"\n", "would keep the container from starting" },
		{ "DISKINODES=\"3:2\"\n", "DISKINODES=\"3:2\" of the sample" },
	};
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_FREE char *text = NULL;

	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		put_sample(w, "basic", rows[i].text);
		assert_refused(job, -VZR_E_CONFIG, rows[i].message);
	}
	put_sample(w, "basic", "DISKSPACE=\"unlimited\"\n");
	text = conf_text(job);
	assert_value(text, "DISKSPACE", "17179868160:17179868160");
	assert_logged(w, "DISKSPACE=\"unlimited\" of the sample is nothing that vzctl takes");
}

static void unsafe_samples(void **state)
{
	const char *path = "etc/vz/conf/ve-basic.conf-sample";
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	static char large[300000];

	put_sample(w, "basic", vswap_sample);
	assert_int_equal(fchmodat(w->fd, path, 0666, 0), 0);
	assert_refused(job, -VZR_E_CONFIG, "can be changed by others than root");
	assert_int_equal(unlinkat(w->fd, path, 0), 0);
	assert_int_equal(mkfifoat(w->fd, path, 0600), 0);
	assert_refused(job, -VZR_E_CONFIG, "is not a regular file");
	assert_int_equal(unlinkat(w->fd, path, 0), 0);
	memset(large, '#', sizeof(large) - 1);
	put_text(w->fd, path, large);
	assert_refused(job, -VZR_E_LIMIT, "larger than");
}

/* ---- the domain ---- */

static void memory_and_cpus(void **state)
{
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_FREE char *text = NULL, *all = NULL;

	put_sample(w, "basic", "PRIVVMPAGES=\"1:2\"\nKMEMSIZE=\"3:4\"\nCPUS=\"9\"\n");
	f.domain.memory_kib = 524289;
	f.domain.vcpus = 2;
	text = conf_text(job);
	assert_value(text, "PHYSPAGES", "0:131073");
	assert_value(text, "SWAPPAGES", "0:0");
	assert_no_key(text, "PRIVVMPAGES");
	assert_value(text, "KMEMSIZE", "3:4");
	assert_value(text, "CPUS", "2");
	assert_value(text, "CPUUNITS", "1000");
	f.domain.vcpus = 9999;
	all = conf_text(job);
	assert_no_key(all, "CPUS");
}

static void incomplete_sample_can_start(void **state)
{
	struct world *w = *state;
	struct fixture f;
	VZR_AUTO_FREE char *text = NULL;

	put_sample(w, "basic", "CPUUNITS=\"2000\"\n");
	text = conf_text(job_of(w, &f));
	assert_value(text, "PHYSPAGES", "0:65536");
	assert_value(text, "SWAPPAGES", "0:0");
	assert_value(text, "CPUUNITS", "2000");
}

static void names(void **state)
{
	static char host[] = "www.example.org", bad[] = "x\"\nVE_PRIVATE=\"/";
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_FREE char *number = conf_text(job), *name = NULL, *both = NULL;

	assert_no_key(number, "NAME");
	assert_no_key(number, "HOSTNAME");
	job->name = "web1";
	name = conf_text(job);
	assert_value(name, "NAME", "web1");
	assert_value(name, "HOSTNAME", "web1");
	f.domain.hostname = host;
	f.domain.onboot = true;
	both = conf_text(job);
	assert_value(both, "HOSTNAME", "www.example.org");
	assert_value(both, "ONBOOT", "yes");
	f.domain.hostname = bad;
	assert_refused(job, -VZR_E_INPUT, "is not a host name");
	f.domain.hostname = NULL;
	job->template_name = bad;
	assert_refused(job, -VZR_E_INPUT, "OSTEMPLATE cannot be");
	job->template_name = "$(id)";
	assert_refused(job, -VZR_E_INPUT, "OSTEMPLATE cannot be");
	job->template_name = "a";
	job->uuid = "c0ffee\nX=1";
	assert_refused(job, -VZR_E_INPUT, "is not a UUID");
}

static void paths(void **state)
{
	static const struct {
		const char *configured, *private_path, *want;
	} rows[] = {
		{ "/vz/private/$VEID", "/vz/private/101", "/vz/private/$VEID" },
		{ "/vz/$VEID/fs", "/vz/101/fs", "/vz/$VEID/fs" },
		/* What vzctl or a shell would expand to something else is written expanded. */
		{ "/vz/${VEID}/fs", "/vz/101/fs", "/vz/101/fs" },
		{ "/vz/$VEID/$VEID", "/vz/101/101", "/vz/101/101" },
		{ "/vz/$VEIDx", "/vz/101x", "/vz/101x" },
		{ "/vz/private/$VEID", "/elsewhere/101", "/elsewhere/101" },
	};
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);

	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		struct vzr_error err = VZR_ERROR_INIT;
		VZR_AUTO_FREE char *text = NULL;

		assert_ok(vzr_settings_set(w->settings, "VE_PRIVATE", rows[i].configured, &err),
			  &err);
		job->private_path = rows[i].private_path;
		text = conf_text(job);
		assert_value(text, "VE_PRIVATE", rows[i].want);
	}
}

/* ---- the network ---- */

static char type_ethernet[] = "ethernet", type_route[] = "route", type_bridge[] = "bridge",
	    type_network[] = "network", br0[] = "br0", mac[] = "00:18:51:5b:ea:bf";

static void addresses(void **state)
{
	static char a[] = "192.168.122.110/24", b[] = "0.0.0.0", c[] = "2001:DB8:0::1/64",
		    d[] = "192.168.122.110", dns[] = "8.8.8.8", dns6[] = "2001:db8::53";
	char *ips[] = { a, b, c, d };
	char *more[] = { d };
	char *nameservers[] = { dns, dns6 };
	struct vzr_interface nics[] = {
		{ .type = type_ethernet, .ips = ips, .n_ips = 4 },
		{ .type = type_route, .ips = more, .n_ips = 1 },
		{ .type = type_network },
	};
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_FREE char *text = NULL;

	f.domain.interfaces = nics;
	f.domain.n_interfaces = 3;
	f.domain.nameservers = nameservers;
	f.domain.n_nameservers = 2;
	text = conf_text(job);
	assert_value(text, "IP_ADDRESS", "192.168.122.110 2001:db8::1");
	assert_value(text, "NAMESERVER", "8.8.8.8 2001:db8::53");
	assert_no_key(text, "NETIF");
	memcpy(d, "300.168.122.110", 16);
	assert_refused(job, -VZR_E_INPUT, "'300.168.122.110' is not an IP address");
}

static void devices(void **state)
{
	static char guest[] = "eth0", host[] = "vnet7", ip[] = "10.0.0.1";
	char *ips[] = { ip };
	struct vzr_interface nics[] = {
		{ .type = type_bridge, .mac = mac, .bridge = br0, .ips = ips, .n_ips = 1 },
		{ .type = type_ethernet, .guest_name = guest, .host_name = host, .mac = mac },
	};
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_FREE char *text = NULL, *again = NULL;
	char value[256];

	f.domain.interfaces = nics;
	f.domain.n_interfaces = 2;
	text = conf_text(job);
	/* eth0 is taken by name, so that the first one without a name is eth1. */
	assert_non_null(strstr(text, "NETIF=\"ifname=eth1,mac=00:18:51:5b:ea:bf,"
				     "host_ifname=veth101.1,host_mac=FE:FF:FF:FF:FF:FF,"
				     "bridge=br0;ifname=eth0,mac=00:18:51:5b:ea:bf,"
				     "host_ifname=vnet7,host_mac=00:18:51:"));
	/* An address that was drawn stays the same. */
	nics[0].mac = NULL;
	free(text);
	text = conf_text(job);
	again = conf_text(job);
	assert_string_equal(text, again);
	libvirt_value(text, "NETIF", value);
	assert_non_null(strstr(value, "ifname=eth1,mac=00:18:51:"));
}

static void bad_devices(void **state)
{
	static char eth0[] = "eth0", comma[] = "a,mac=x", slash[] = "a/b", dots[] = "..",
		    longer[] = "a234567890123456", no_mac[] = "00:18:51:5b:ea:b";
	static const struct {
		struct vzr_interface nic;
		const char *message;
	} rows[] = {
		{ { .type = type_bridge, .guest_name = comma }, "name of a network device" },
		{ { .type = type_bridge, .guest_name = longer }, "name of a network device" },
		{ { .type = type_bridge, .host_name = slash }, "name of a host's network device" },
		{ { .type = type_bridge, .bridge = dots }, "name of a bridge" },
		{ { .type = type_bridge, .mac = no_mac }, "is not a MAC address" },
	};
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	struct vzr_interface two[] = { { .type = type_bridge, .guest_name = eth0 },
				       { .type = type_bridge, .guest_name = eth0 } };

	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		struct vzr_interface nic = rows[i].nic;

		f.domain.interfaces = &nic;
		f.domain.n_interfaces = 1;
		assert_refused(job, -VZR_E_INPUT, rows[i].message);
	}
	f.domain.interfaces = two;
	f.domain.n_interfaces = 2;
	assert_refused(job, -VZR_E_INPUT, "two network devices are named eth0");
	/* The name that vzctl would make does not fit into the kernel's. */
	job->ctid = 2147483644u;
	job->private_path = "/vz/private/2147483644";
	two[0].guest_name = NULL;
	f.domain.n_interfaces = 1;
	assert_refused(job, -VZR_E_INPUT, "give one in <target dev>");
}

/* ---- quota ---- */

static void quota_over_sample(void **state)
{
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_KV struct vzr_kv quota = { 0 };
	VZR_AUTO_FREE char *text = NULL;
	struct vzr_error err = VZR_ERROR_INIT;

	put_sample(w, "basic",
		   "DISK_QUOTA=\"no\"\nDISKSPACE=\"9:3\"\nDISKINODES=\"200K\"\n"
		   "QUOTAUGIDLIMIT=\"5000\"\n");
	assert_ok(vzr_kv_set(&quota, "DISK_QUOTA", "yes", &err), &err);
	assert_ok(vzr_kv_set(&quota, "DISKSPACE", "102400:102400", &err), &err);
	assert_ok(vzr_kv_set(&quota, "QUOTAUGIDLIMIT", "212", &err), &err);
	job->quota_conf = &quota;
	text = conf_text(job);
	assert_value(text, "DISK_QUOTA", "yes");
	assert_value(text, "DISKSPACE", "102400:102400");
	assert_value(text, "DISKINODES", "204800:204800");
	assert_value(text, "QUOTAUGIDLIMIT", "5000");
}

static void quota_refused(void **state)
{
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	VZR_AUTO_FREE char *text = NULL;

	put_sample(w, "basic", vswap_sample);
	job->quota_none = true;
	text = conf_text(job);
	assert_value(text, "DISK_QUOTA", "no");
	assert_no_key(text, "DISKSPACE");
	assert_no_key(text, "DISKINODES");
	assert_no_key(text, "QUOTATIME");
	assert_no_key(text, "QUOTAUGIDLIMIT");
}

static void long_values(void **state)
{
	static char ip[20][24];
	static char *ips[20];
	struct vzr_interface nic = { .type = type_ethernet, .ips = ips, .n_ips = 20 };
	struct world *w = *state;
	struct fixture f;
	struct vzr_handoff_job *job = job_of(w, &f);
	static char sample[5000];

	for (size_t i = 0; i < 20; i++) {
		snprintf(ip[i], sizeof(ip[i]), "10.0.0.%zu", i + 1);
		ips[i] = ip[i];
	}
	f.domain.interfaces = &nic;
	f.domain.n_interfaces = 1;
	free(conf_text(job));
	memset(sample, 'x', sizeof(sample) - 1);
	memcpy(sample, "FEATURES=\"", 10);
	memcpy(sample + sizeof(sample) - 3, "\"\n", 3);
	put_sample(w, "basic", sample);
	assert_refused(job, -VZR_E_LIMIT, "FEATURES is longer than vzctl can read");
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)
	const struct CMUnitTest tests[] = {
		IN_WORLD(whole_text),	    IN_WORLD(builtin_sample),
		IN_WORLD(profiles),	    IN_WORLD(i386_has_a_smaller_long),
		IN_WORLD(foreign_samples),  IN_WORLD(broken_samples),
		IN_WORLD(unsafe_samples),   IN_WORLD(memory_and_cpus),
		IN_WORLD(names),	    IN_WORLD(incomplete_sample_can_start),
		IN_WORLD(paths),	    IN_WORLD(addresses),
		IN_WORLD(devices),	    IN_WORLD(bad_devices),
		IN_WORLD(quota_over_sample), IN_WORLD(quota_refused),
		IN_WORLD(long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
