import { openDatabase } from '../../../inference-server/src/adapters/database.ts';
import { describeRollups } from '../../support/rollups-suite.ts';

describeRollups(() => openDatabase('sqlite::memory:'), 60);
