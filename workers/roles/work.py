"""Role: processes, routes and delivers."""

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from config.settings import Settings, load_taxonomy
from models.errors import Temporary
from models.message import Lane
from models.tail import EVENTS
from workers.acknowledging import Acknowledging
from workers.broker import Actor, WorkerPool
from workers.deliver import Deliverer
from workers.dispatch import Dispatcher
from workers.fetching import Fetcher
from workers.hours import warn
from workers.labelling import Labelling
from workers.parser import Parser
from workers.pipeline import Limits, Pipeline
from workers.serving import Serving
from workers.webhooks import Announcing
from workers.wiring import Base, declared, make_channels, make_ruling, opened, secrets
