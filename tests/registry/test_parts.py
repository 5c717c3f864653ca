from posterity.registry.parts import parts, read_part
from posterity.store.directory import DirectoryStore
from tests.registry.examples import a_version


def test_what_lies_behind_manifests_belongs_to_a_version(tmp_path):
    store = DirectoryStore(tmp_path)
    found = {part.name: part for part in parts(store, a_version(store))}
    assert {"snapshot_raw", "product_predictions", "product_latent", "plan_density", "posterior_gate"} <= set(found)
    assert all(read_part(store, part) is not None for part in found.values())
    assert (found["snapshot_raw"].rows, found["product_predictions"].rows, found["plan"].rows) == (3, 2, None)
    assert found["posterior"].size == 3 << 20


def test_what_is_gone_or_damaged_is_not_read(tmp_path):
    store = DirectoryStore(tmp_path)
    version = a_version(store)
    before = {part.name: part for part in parts(store, version)}
    store.delete(before["product"].reference.key)
    store.delete(before["plan_density"].reference.key)
    store.overwrite(before["snapshot_raw"].reference.key, b"raw")
    after = {part.name: part for part in parts(store, version)}
    assert set(before) - set(after) == {"product_predictions", "product_latent", "plan_density"}
    assert after["product"].size is None
    assert read_part(store, after["product"]) is None
    assert read_part(store, after["snapshot_raw"]) is None
