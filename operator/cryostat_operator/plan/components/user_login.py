"""How users log in to an instance: reason and message of the condition AuthenticationEnabled."""

from __future__ import annotations

from ..instance import Instance
from ..login_file import LoginFlaw
from ..model.reasons import Reason


def authentication(instance: Instance) -> tuple[Reason, str]:
    """Return how users log in: reason and message."""
    if instance.open_access:
        message = (
            "No login is required, because spec.authorizationOptions.openShiftSSO.disable is true. "
            "Remove the field to require one."
        )
        return Reason.AUTHENTICATION_DISABLED, message
    note = _why_no_accounts(instance)
    if instance.generated_login_secret:
        message = (
            f"Secret {instance.generated_login_secret} contains the generated login in its keys username and password"
        )
        return Reason.LOGIN_GENERATED, f"{message}{note}"
    if unusable := _unusable_file(instance):
        return Reason.LOGIN_FILE_INVALID, f"{unusable}{note}"
    by_file = f"with a password from Secret {instance.basic_auth[0]}" if instance.basic_auth else ""
    note = f"{_ignored_user(instance)}{note}"
    if instance.openshift_login:
        message = f"Users log in with their OpenShift account{f', or {by_file}' if by_file else ''}"
        return Reason.OPENSHIFT_SSO, message
    return Reason.BASIC_AUTH, f"Users log in {by_file}{note}"


def _ignored_user(instance: Instance) -> str:
    """The end of a message if oauth2-proxy ignores a user in the file; otherwise empty."""
    flaw = _flaw(instance)
    if not flaw or flaw.fatal:
        return ""
    key = (instance.basic_auth or ("", ""))[1]
    return f". Key {key} {flaw.cause}: the proxy ignores this user. Create the line with htpasswd -B"


def _unusable_file(instance: Instance) -> str:
    """A message if oauth2-proxy does not start with the user's file; otherwise empty."""
    flaw = _flaw(instance)
    if not flaw or not flaw.fatal:
        return ""
    secret, key = instance.basic_auth or ("", "")
    cause = f"Secret {secret} has an unusable file in the key {key}: it {flaw.cause}"
    return f"{cause}, and the authentication proxy does not start with it. Create the file with htpasswd -B"


def _flaw(instance: Instance) -> LoginFlaw | None:
    """Return the flaw of the user's file, None if it has none. OpenShift's proxy does not check the file."""
    secret, key = instance.basic_auth or ("", "")
    content = instance.snapshot.data.get(("Secret", secret))
    if not content or instance.openshift_login or key not in content.login_flaws:
        return None
    return LoginFlaw(*content.login_flaws[key])


def _why_no_accounts(instance: Instance) -> str:
    """The end of a message where OpenShift accounts cannot be used for the login; otherwise empty."""
    if instance.openshift_login or not instance.openshift:
        return ""
    snapshot = instance.snapshot
    state = "does not exist" if snapshot.authentication_missing else f"is {snapshot.authentication_type}"
    return f". OpenShift accounts cannot be used: the cluster has no OAuth server (Authentication/cluster {state})"
