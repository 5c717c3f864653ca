"""What handlers have at hand."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from posterity.server.access import Access
from posterity.server.catalogue import Catalogue
from posterity.server.files import Files
from posterity.server.follower import Follower
from posterity.server.http import Response
from posterity.server.inputs import Seen
from posterity.server.metrics import Metrics
from posterity.server.references import parse_products
from posterity.settings import Settings
from posterity.store import open_store

T = TypeVar("T")
THREADS = 4  # for what waits for the store or computes for long
BESIDE = 16  # questions that the challenger answers in the shadow at a time; the champion is not to be held up
REMEMBERED = 64 << 20  # bytes of answers that took work: compressed, filtered, other formats


class Service:
    """One worker: its catalogue, threads, metrics and the answers it remembers. Raises SettingsError."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.access = Access(settings.tokens)
        self.store = open_store(settings.store, patient=False)
        self.catalogue = Catalogue(self.store, settings.server_keep)
        self.files = Files(self.store)
        references = parse_products(settings.products)
        self.follower = Follower(self.catalogue, references, self.access.is_guarded)
        self.metrics = Metrics()
        self.seen = Seen()
        self.remembered = Remembered(REMEMBERED)
        self.background = Background(BESIDE)
        self._threads = ThreadPoolExecutor(THREADS, "work")

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of `work`, while other requests go on being answered."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


class Background:
    """Work that nobody waits for, so much of it at a time. For the thread of the event loop alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> bool:
        """Begin with `work`; False where too much is under way, and it is left."""
        if len(self._tasks) >= self._most:
            work.close()
            return False
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True


class Remembered:
    """Answers by what they answer; the longest unused are forgotten first. For the thread of the event loop alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._entries: OrderedDict[tuple[object, ...], Response] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Response | None:
        """What was remembered under `key`."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: tuple[object, ...], response: Response) -> None:
        """Remember `response`, unless it would take more than a quarter of the room."""
        if len(response.body) > self._most // 4 or key in self._entries:
            return
        self._entries[key] = response
        self._size += len(response.body)
        while self._size > self._most:
            self._size -= len(self._entries.popitem(last=False)[1].body)
