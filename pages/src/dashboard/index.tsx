import type { PageMessages } from '../messages.ts';
import { startPage } from '../start-page.tsx';
import { OverviewPage } from './OverviewPage.tsx';
import { RunPage } from './RunPage.tsx';
import { RunsPage } from './RunsPage.tsx';

const [, runs, id] = /^\/dashboard(?:\/(runs)(?:\/([^/]+))?)?\/?$/.exec(location.pathname) ?? [];
const page = id ? <RunPage id={decodeURIComponent(id)} /> : runs ? <RunsPage /> : <OverviewPage />;
const title = (messages: PageMessages) => (id ? messages.run : runs ? messages.runs : messages.dashboard).title;

startPage(page, title);
