"""A client generated from the studio's document does one whole job: `python -m tests.support.generated_client BIN`.

BIN: the folder of the programs of an environment with openapi-python-client. Not run by the suite: `.ci/run` does it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import requests

from tests.support import small_template
from tests.support.studio import studio_process

JOB = """
import base64, sys, time
from ai_studio import AuthenticatedClient, Client
from ai_studio.api.campaigns_and_instances import create_campaign, list_campaigns
from ai_studio.api.orders import render_campaign
from ai_studio.api.videos import get_video, list_campaign_videos
from ai_studio.models import BusinessFailure, CampaignIn, CampaignRequest, Ids

url = sys.argv[1]
key = AuthenticatedClient(base_url=url, token=base64.b64encode(b"local:local").decode(), prefix="Basic")
user = AuthenticatedClient(base_url=url, token="local")

made = create_campaign.sync(client=user, body=CampaignIn(name="Generated")).result
order = CampaignRequest(campaign_id=made.id, variables=["first_name"], names=[[f"Name {n}"] for n in range(5)])
accepted = render_campaign.sync(client=key, body=order)
assert isinstance(accepted, Ids) and len(accepted.result) == 5, accepted
deadline = time.monotonic() + 180
for identifier in accepted.result:
    while (video := get_video.sync(client=Client(base_url=url), id=identifier).result).status != "succeeded":
        assert video.status != "failed" and time.monotonic() < deadline, video
        time.sleep(0.2)
    assert video.url and video.created_at.year >= 2026
page = list_campaign_videos.sync(client=user, campaign_id=made.id).result
assert [video.id for video in page.videos] == accepted.result and page.total == 5
assert made.id in {campaign.id for campaign in list_campaigns.sync(client=user).result.campaigns}
refused = render_campaign.sync(client=key, body=order)
assert isinstance(refused, BusinessFailure) and refused.code == 1001, refused
print("a generated client did the whole job")
"""


def main(programs: Path) -> None:
    """Generate the client, and let it work."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        template = small_template.write(work)
        with studio_process(work, "--template", str(template), "--credits", "5") as studio:
            (work / "openapi.json").write_bytes(
                requests.get(f"{studio.base_url}/swagger-ui/openapi.json", timeout=10).content
            )
            command = [str(programs / "openapi-python-client"), "generate", "--path", "openapi.json"]
            command += ["--meta", "none", "--output-path", "ai_studio"]
            subprocess.run(command, cwd=work, check=True, timeout=120)
            subprocess.run([programs / "python", "-c", JOB, studio.base_url], cwd=work, check=True, timeout=240)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
