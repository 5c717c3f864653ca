"""For the environment of MLServer: fit a small scikit-learn model and write it with its settings into FOLDER."""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)
X = rng.normal(size=(500, 3))
joblib.dump(LogisticRegression().fit(X, X.sum(axis=1) > 0), folder / "model.joblib")
settings = {
    "name": "bench",
    "implementation": "mlserver_sklearn.SKLearnModel",
    "parameters": {"uri": "./model.joblib", "version": "1"},
}
(folder / "model-settings.json").write_text(json.dumps(settings))
(folder / "settings.json").write_text(json.dumps({"debug": False, "parallel_workers": 0, "metrics_endpoint": None}))
