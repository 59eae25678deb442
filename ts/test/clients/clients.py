"""Talks to a server with tritonclient and KServe's client, and prints what they got, as JSON.

Usage: clients.py URL MODEL INPUT, where INPUT is a file of little-endian floats of shape [2, 3, 224, 224].
"""

import asyncio
import json
import sys

import numpy as np
import tritonclient.http as triton
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

url, model, path = sys.argv[1:]
images = np.fromfile(path, dtype="<f4").reshape(2, 3, 224, 224)


def tritons() -> dict:
    client = triton.InferenceServerClient(url.removeprefix("http://"), concurrency=4)
    given = triton.InferInput("input", images.shape, "FP32")
    results = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model),
        "version_ready": client.is_model_ready(model, "1"),
        "other_ready": client.is_model_ready("other"),
        "server": client.get_server_metadata()["name"],
        "metadata": client.get_model_metadata(model),
        "index": [one["name"] for one in client.get_model_repository_index()],
    }
    outputs = {}
    for name, binary in (("binary", True), ("json", False)):
        given.set_data_from_numpy(images, binary_data=binary)
        wanted = [triton.InferRequestedOutput("output", binary_data=binary)]
        answer = client.infer(model, [given], outputs=wanted, request_id=name)
        outputs[name] = answer.as_numpy("output").tolist()
        assert answer.get_response()["id"] == name
    given.set_data_from_numpy(images)
    # Without a list of outputs the client asks for all in binary.
    outputs["default"] = client.infer(model, [given]).as_numpy("output").tolist()
    for packing in ("gzip", "deflate"):
        answer = client.infer(model, [given], request_compression_algorithm=packing)
        outputs[packing] = answer.as_numpy("output").tolist()
    pending = [client.async_infer(model, [given]) for _ in range(4)]
    outputs["asynchronous"] = [one.get_result().as_numpy("output").tolist() for one in pending][-1]
    classes = client.infer(model, [given], outputs=[triton.InferRequestedOutput("output", class_count=3)])
    results["classes"] = [[one.decode() for one in row] for row in classes.as_numpy("output")]
    layer = client.infer(model, [given], outputs=[triton.InferRequestedOutput("features.2")])
    results["layer"] = list(layer.as_numpy("features.2").shape)
    client.load_model(model)
    try:
        given = triton.InferInput("input", [1, 3, 2], "FP32")
        given.set_data_from_numpy(np.zeros([1, 3, 2], np.float32))
        client.infer(model, [given])
    except triton.InferenceServerException as error:
        results["refused"] = str(error)
    client.close()
    return {**results, "outputs": outputs}


async def kserves() -> dict:
    results, outputs = {}, {}
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        results["live"] = await client.is_server_live(url)
        results["ready"] = await client.is_server_ready(url)
        results["model_ready"] = await client.is_model_ready(url, model)
        results["other_ready"] = await client.is_model_ready(url, "other")
        for name, binary in (("binary", True), ("json", False)):
            given = InferInput(name="input", shape=list(images.shape), datatype="FP32")
            given.set_data_from_numpy(images, binary_data=binary)
            wanted = [RequestedOutput("output", parameters={"binary_data": binary})]
            request = InferRequest(model, [given], request_id=name, request_outputs=wanted)
            answer = await client.infer(url, request, model_name=model)
            outputs[name] = answer.outputs[0].as_numpy().tolist()
            assert answer.id == name
    return {**results, "outputs": outputs}


print(json.dumps({"triton": tritons(), "kserve": asyncio.run(kserves())}))
