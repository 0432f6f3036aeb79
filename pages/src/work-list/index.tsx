import { startPage } from '../start-page.tsx';
import { WorkListPage } from './WorkListPage.tsx';

startPage(<WorkListPage />, messages => messages.workList.title);
