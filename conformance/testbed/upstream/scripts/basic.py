"""The script of a correct upstream."""

from conformance.testbed.upstream.script import Script

SCRIPTS = (Script(name="native-sse", title="Respond as the specifications require"),)
