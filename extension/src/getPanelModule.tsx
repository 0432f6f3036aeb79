import { Component, createRef, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';
import { PANEL_NAME } from './id.ts';
import { currentLanguage, MESSAGES } from './messages.ts';
import { PANEL_STYLE } from './panel-style.ts';
import { SegmentTumourPanel } from './SegmentTumourPanel.tsx';
import type { TumourSession } from './tumour-session.ts';

function ConnectedPanel({ session }: { session: TumourSession }) {
  const state = useSyncExternalStore(session.subscribe, session.state);
  return (
    <SegmentTumourPanel
      state={state}
      language={currentLanguage()}
      review={session.review}
      onSegment={() => void session.segment()}
      onCancel={() => void session.cancel()}
      onShow={() => void session.showResult()}
      onChooseModel={modelId => session.chooseModel(modelId)}
      onChooseSeries={(sequence, uid) => session.chooseSeries(sequence, uid)}
      onJump={segment => session.jumpTo(segment)}
      onJumpToDiameters={() => session.jumpToDiameters()}
      onStyle={style => session.styleOverlay(style)}
      onToggle={segment => session.toggleSegment(segment)}
      onCompare={prior => void session.compare(prior)}
      onUncertainty={() => void session.toggleUncertainty()}
    />
  );
}

/** A fault of ours stays in our panel. */
class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError = (error: Error) => ({ error });
  override render() {
    return this.state.error ? <p role="alert">{`${MESSAGES[currentLanguage()].title}: ${this.state.error.message}`}</p> : this.props.children;
  }
}

/**
 * OHIF shares no React, and hooks of ours fail under its renderer: what OHIF renders is this class,
 * which opens a root of our own renderer in a div.
 */
function islandOf(content: ReactNode) {
  return class Island extends Component {
    private readonly place = createRef<HTMLDivElement>();
    private root: Root | undefined;

    override componentDidMount() {
      this.root = createRoot(this.place.current!);
      this.root.render(<Boundary><style>{PANEL_STYLE}</style>{content}</Boundary>);
    }

    override componentWillUnmount() {
      // OHIF may be rendering now, and React refuses to unmount a root meanwhile.
      const { root } = this;
      setTimeout(() => root?.unmount(), 0);
    }

    override render() {
      return hostElement(this.place);
    }
  };
}

/** A div as OHIF's React 18 knows elements; what our own renderer makes is not one. */
const hostElement = (ref: unknown) =>
  ({ $$typeof: Symbol.for('react.element'), type: 'div', key: null, ref, props: { style: { height: '100%' } }, _owner: null }) as unknown as ReactNode;

export function getPanelModule(session: TumourSession) {
  const label = MESSAGES[currentLanguage()].title;
  return [{
    name: PANEL_NAME,
    iconName: 'icon-tool-click-segment',
    iconLabel: label,
    label,
    component: islandOf(<ConnectedPanel session={session} />),
  }];
}
