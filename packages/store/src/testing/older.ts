/** A member that stands for an older release: it speaks the first version of the log only. */
import { runComponent } from '@timonier/component';
import { commandOn } from '../command.ts';
import { machine } from '../platform.ts';
import { firstVersion } from '../versions/entry-versions.ts';

const versions = { min: firstVersion, max: firstVersion };
process.exitCode = await runComponent(commandOn({ ...machine, versions }), process.argv.slice(2));
