"""How the pod of each stage runs on a cluster. On one machine nothing of it counts (see `pipelines.local`)."""

from kfp import dsl, kubernetes

from pipelines.compile_settings import RELEASE, CompileSettings, StageSettings

USER = 10001  # of all images
NEEDED = ("POSTERITY_STORE", "POSTERITY_REGISTRY")
WELCOME = (
    "POSTERITY_API_ENDPOINT",
    "POSTERITY_LINEAGE_URL",
    "POSTERITY_LOG_LEVEL",
    "POSTERITY_DASHBOARD_URL",
    "POSTERITY_REGISTRY_URL",
    "POSTERITY_RELEASE",
    "POSTERITY_STAGING_URL",
    "POSTERITY_PRODUCTION_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
)
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
PAUSE = 5  # seconds before the first further attempt, doubled each time
DAY = 86400


def configure(task: dsl.PipelineTask, settings: CompileSettings) -> dsl.PipelineTask:
    """Let the task of a stage, or of a step of a release, run as the settings say."""
    stage = task.component_spec.name.replace("-", "_")
    own = settings.of_stage(stage)
    task.set_caching_options(False)  # stages find earlier results in the store, by what they really depend on
    task.set_container_image(settings.image_of(stage))
    _give_resources(task, own)
    _retry(task, own)
    _place(task, own)
    _give_settings(task, settings, stage)
    kubernetes.set_timeout(task, own.deadline)
    kubernetes.set_image_pull_policy(task, settings.pull_policy)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_non_root=True)
    kubernetes.add_pod_label(task, "app.kubernetes.io/part-of", "posterity")
    kubernetes.add_pod_label(task, "app.kubernetes.io/name", "posterity-stage")
    kubernetes.add_pod_label(task, "app.kubernetes.io/component", stage)
    return task


def _give_resources(task: dsl.PipelineTask, own: StageSettings) -> None:
    asked = (
        (task.set_cpu_request, own.cpu_request),
        (task.set_cpu_limit, own.cpu_limit),
        (task.set_memory_request, own.memory_request),
        (task.set_memory_limit, own.memory_limit),
    )
    for ask, quantity in asked:
        if quantity:
            ask(quantity)


def _retry(task: dsl.PipelineTask, own: StageSettings) -> None:
    """Every stage may be repeated: the store has what was done. The window of retries opens with the first attempt
    and kills the attempt that runs when it closes, so that it has to be longer than all attempts together."""
    if own.retries:
        window = (own.retries + 1) * own.deadline + DAY
        task.set_retry(own.retries, f"{PAUSE}s", 2.0, f"{window}s")


def _place(task: dsl.PipelineTask, own: StageSettings) -> None:
    for name, value in own.node_selector.items():
        kubernetes.add_node_selector(task, name, value)
    for item in own.tolerations:
        kubernetes.add_toleration(
            task,
            item.get("key"),
            item.get("operator"),
            item.get("value"),
            item.get("effect"),
            item.get("tolerationSeconds"),
        )


def _give_settings(task: dsl.PipelineTask, settings: CompileSettings, stage: str) -> None:
    """Settings and secrets as environment variables, each stage what it uses."""
    kubernetes.use_config_map_as_env(task, settings.config_map, _same(*NEEDED))
    kubernetes.use_config_map_as_env(task, settings.config_map, _same(*WELCOME), optional=True)
    kubernetes.use_secret_as_env(task, settings.store_secret, _same(*STORE_KEYS))
    kubernetes.use_secret_as_env(task, settings.store_secret, _same("AWS_SESSION_TOKEN"), optional=True)
    if stage == "ingest":
        kubernetes.use_secret_as_env(task, settings.pseudonym_secret, _same("POSTERITY_PSEUDONYM_KEY"), optional=True)
    if stage in RELEASE:
        names = _same("POSTERITY_DATABASE_URL", "POSTERITY_TOKEN")
        kubernetes.use_secret_as_env(task, settings.release_secret, names, optional=True)
    if stage in ("notify", "record"):
        kubernetes.use_secret_as_env(task, settings.alert_secret, _same("POSTERITY_ALERT_URLS"), optional=True)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}
