#!/bin/sh
# Installs Debian or Ubuntu packages without starting their services. Run as root: install-packages.sh PACKAGE...
# Orthanc's package would else start a server of its own on the ports 8042 and 4242, now and at every boot.
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT INT TERM
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
# An automatic update may hold the lock for a while.
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"
case " $* " in
  *' orthanc '*) if [ -d /run/systemd/system ]; then systemctl disable orthanc || true; fi ;;
esac
