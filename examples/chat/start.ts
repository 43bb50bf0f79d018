import { run } from 'gatewayworker';
import './cluster.ts';

run();
