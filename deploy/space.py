"""Put the studio on a Hugging Face Space as Spacefile says.

python -m deploy.space                    log in first: hf auth login
python -m deploy.space --dry-run          only tells the plan; needs no network and no account
python -m deploy.space --write-readme     renews README.md's front matter from Spacefile
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.manifest import Manifest, files, read_manifest, with_front_matter

if TYPE_CHECKING:
    from huggingface_hub import HfApi

ROOT = Path(__file__).resolve().parent.parent
MB = 1e6
WAIT = 30 * 60  # seconds that a Space may take to build


def main(flags: Sequence[str], environment: Mapping[str, str]) -> int:
    """0 when it is done, 2 with a sentence on stderr when it cannot be."""
    given = _parser().parse_args(list(flags))
    try:
        manifest = read_manifest(ROOT / "Spacefile")
        if given.write_readme:
            readme = ROOT / "README.md"
            readme.write_text(with_front_matter(readme.read_text(encoding="utf-8"), manifest), encoding="utf-8")
        elif given.dry_run:
            print("\n".join(plan(manifest, ROOT, environment)))
        else:
            from huggingface_hub import HfApi  # only here: telling the plan needs no hub library

            print(deploy(manifest, ROOT, environment, HfApi()))
    except (ValueError, OSError) as error:  # the hub's own errors are OSErrors too
        print(f"deploy: {error}", file=sys.stderr)
        return 2
    return 0


def plan(manifest: Manifest, root: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """What `deploy` would do, in lines. Of a secret it says whether there is a value, never the value."""
    paths = list(files(manifest, root))
    size = sum((root / path).stat().st_size for path in paths)
    owner = "" if "/" in manifest.space else "(your account)/"
    yield f"space       {owner}{manifest.space}, {manifest.visibility}"
    yield f"hardware    {manifest.hardware}, sleep after {_sleep(manifest.sleep_time)}"
    for key, value in manifest.front_matter.items():
        yield f"front       {key}: {value}"
    for name, value in manifest.variables.items():
        yield f"variable    {name}={value}"
    for name in manifest.secrets:
        yield f"secret      {name} ({'from your environment' if environment.get(name) else 'not set here: left alone'})"
    for volume in manifest.volumes:
        yield f"volume      {volume['source']} at {volume['mount_path']}"
    for entry in manifest.preload:
        yield f"preload     {entry}"
    for path in paths:
        yield f"upload      {path.as_posix()}"
    yield f"in all      {len(paths)} files, {size / MB:.1f} MB; what else lies in the Space is removed"


def deploy(manifest: Manifest, root: Path, environment: Mapping[str, str], hub: HfApi) -> str:
    """Make or renew the Space and wait until it has started; returns a sentence with its address.

    Raises the hub's errors, and ValueError when the Space was built but does not run.
    """
    owner = "" if "/" in manifest.space else f"{hub.whoami()['name']}/"
    space = f"{owner}{manifest.space}"
    visibility: Any = manifest.visibility  # checked by the manifest against the hub's own words
    url = hub.create_repo(space, repo_type="space", space_sdk="gradio", visibility=visibility, exist_ok=True)
    hub.update_repo_settings(space, repo_type="space", visibility=visibility)
    for name, value in manifest.variables.items():
        hub.add_space_variable(space, name, value)
    for name in manifest.secrets:
        if environment.get(name):
            hub.add_space_secret(space, name, environment[name])
    if manifest.volumes:
        from huggingface_hub import Volume

        hub.set_space_volumes(space, [Volume(**volume) for volume in manifest.volumes])
    hub.upload_folder(
        repo_id=space,
        repo_type="space",
        folder_path=root,
        commit_message="Deploy",
        allow_patterns=[path.as_posix() for path in files(manifest, root)],
        delete_patterns=["*"],
    )
    if hub.get_space_runtime(space).requested_hardware != manifest.hardware or manifest.sleep_time is not None:
        hardware: Any = manifest.hardware
        hub.request_space_hardware(space, hardware, sleep_time=manifest.sleep_time)
    stage = hub.wait_for_space(space, timeout=WAIT).stage
    if stage != "RUNNING":
        raise ValueError(f"{space} is in stage {stage}; its log says why: {url}?logs=container")
    return f"{space} runs: {url}"


def _sleep(seconds: int | None) -> str:
    return "the host's own time" if seconds is None else f"{seconds} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.space", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="only tell the plan")
    parser.add_argument("--write-readme", action="store_true", help="renew README.md's front matter")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
