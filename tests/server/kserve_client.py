"""For an environment with KServe's client: `kserve_client.py URL` scores, and prints what came back."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(url: str) -> dict[str, object]:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    shops = InferInput("shop", [2], "BYTES")
    shops.set_data_from_numpy(np.array(["a", "new"], dtype=object), binary_data=False)
    customers = InferInput("customers", [2], "INT64")
    customers.set_data_from_numpy(np.array([40, 50], dtype=np.int64), binary_data=False)
    request = InferRequest("stalls", [shops, customers], request_id="7", parameters={"threshold": 0.5})
    answer = await client.infer(url, request, model_name="stalls")
    state = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model": await client.is_model_ready(url, "stalls"),
    }
    await client.close()
    found = {output.name: output.as_numpy().tolist() for output in answer.outputs}
    return {**state, "id": answer.id, "name": answer.model_name, "parameters": answer.parameters, "outputs": found}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1]))))
