import { describeRecount } from '../../support/recount-suite.ts';

describeRecount(async () => ({}));
